package model

import (
	"encoding/json"
	"fmt"

	"github.com/murmuration-dev/murmuration/services/inventory"
	"github.com/murmuration-dev/murmuration/services/order"
	"github.com/murmuration-dev/murmuration/services/payment"
)

// What every order is. Times stand still, but for the deadline, which is due from
// the beginning: whether it fires is a step like any other.
const (
	orderID             = "order-1"
	sku                 = "85123A"
	amountPerUnit       = 30
	placedAt      int64 = 1
	now           int64 = 2
)

// topic is one of the three topics that services read.
type topic uint8

const (
	orders topic = iota
	payments
	reservations
)

func (t topic) String() string { return [...]string{"orders", "payments", "reservations"}[t] }

// record is one record of a topic: the full public state, as its readers
// understand it.
type record struct {
	Topic       topic
	Version     int64
	Status      string
	ToPayment   payment.Order     `json:",omitzero"`
	ToInventory inventory.Order   `json:",omitzero"`
	Payment     order.Payment     `json:",omitzero"`
	Reservation order.Reservation `json:",omitzero"`
}

func (r record) String() string { return fmt.Sprintf("%s v%d", r.Status, r.Version) }

func orderRecord(s order.State, version int64) record {
	r := record{Topic: orders, Version: version, Status: string(s.Status)}
	r.ToPayment = payment.Order{
		OrderID: s.OrderID, Version: version, Status: payment.OrderStatus(s.Status),
		Total: s.Total, Currency: s.Currency, Method: s.PaymentMethod, RefundDue: s.RefundDue,
	}
	r.ToInventory = inventory.Order{OrderID: s.OrderID, Version: version, Status: inventory.OrderStatus(s.Status)}
	for _, l := range s.Lines {
		if l.Kind == order.KindGoods {
			r.ToInventory.Lines = append(r.ToInventory.Lines,
				inventory.OrderLine{Line: l.Line, SKU: l.SKU, Quantity: l.Quantity, Returned: l.Returned})
		}
	}
	return r
}

func paymentRecord(s payment.State, version int64) record {
	status, _ := s.Public()
	return record{Topic: payments, Version: version, Status: status, Payment: order.Payment{
		Version: version, Status: order.PaymentStatus(status), Captured: s.Captured, Refunded: s.Refunded, Reason: s.Reason,
	}}
}

func reservationRecord(s inventory.State, version int64) record {
	return record{Topic: reservations, Version: version, Status: string(s.Status), Reservation: order.Reservation{
		Version: version, Status: order.ReservationStatus(s.Status), Restocked: s.RestockedTotal(), Reason: s.Reason,
	}}
}

// key is the canonical encoding of a value, by which equals are recognised.
func key(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("model: encode %T: %v", v, err))
	}
	return string(b)
}

// outcome is what one commit of a service makes of its part of the world.
type outcome struct {
	db     id
	record id // published, or 0
	stock  id // of an inventory
	breaks string
}
