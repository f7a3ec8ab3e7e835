package choreography

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/inventory"
	"github.com/murmuration-dev/murmuration/services/order"
	"github.com/murmuration-dev/murmuration/services/payment"
)

// Record is one record of a topic: the full public state of its key.
type Record struct {
	Topic   string
	Offset  int64
	Key     string
	Version int64
	Event   string
	State   string // "" on the topic stock, whose records are numbers
	Value   any    // of the topic's type in package schemas
}

func orderRecord(s order.State, version int64) Record {
	lines := make([]schemas.OrderLine, len(s.Lines))
	for i, l := range s.Lines {
		lines[i] = schemas.OrderLine{
			Line: int(l.Line), SKU: l.SKU, Quantity: l.Quantity, Amount: l.Amount,
			Kind: schemas.LineKind(l.Kind), Returned: l.Returned,
		}
	}
	reason := string(s.CancelReason)
	if s.CancelDetail != "" {
		reason += ": " + s.CancelDetail
	}
	return Record{
		Topic: schemas.Orders, Key: s.OrderID, Version: version, Event: s.LastEvent, State: string(s.Status),
		Value: schemas.Order{
			OrderID: s.OrderID, Version: version, Event: s.LastEvent, Status: schemas.OrderStatus(s.Status),
			Currency: s.Currency, PaymentMethod: s.PaymentMethod, Total: s.Total, Lines: lines, RefundDue: s.RefundDue,
			Reason: reason, PlacedAt: moment(s.PlacedAt), UpdatedAt: moment(s.UpdatedAt),
		},
	}
}

func paymentRecord(s payment.State, version int64) Record {
	status, _ := s.Public()
	return Record{
		Topic: schemas.Payments, Key: s.OrderID, Version: version, Event: s.LastEvent, State: status,
		Value: schemas.Payment{
			OrderID: s.OrderID, Version: version, Event: s.LastEvent, Status: schemas.PaymentStatus(status),
			Currency: s.Currency, Amount: s.Amount, Captured: s.Captured, Refunded: s.Refunded, Reason: s.Reason,
			GatewayPaymentID: s.GatewayID, UpdatedAt: moment(s.UpdatedAt),
		},
	}
}

func reservationRecord(s inventory.State, version int64) Record {
	lines := make([]schemas.ReservedLine, len(s.Lines))
	for i, l := range s.Lines {
		lines[i] = schemas.ReservedLine{Line: int(l.Line), SKU: l.SKU, Quantity: l.Quantity, Restocked: l.Restocked}
	}
	return Record{
		Topic: schemas.Reservations, Key: s.OrderID, Version: version, Event: s.LastEvent, State: string(s.Status),
		Value: schemas.Reservation{
			OrderID: s.OrderID, Version: version, Event: s.LastEvent, Status: schemas.ReservationStatus(s.Status),
			Lines: lines, Reason: s.Reason, UpdatedAt: moment(s.UpdatedAt),
		},
	}
}

func stockRecord(s inventory.StockState, version int64) Record {
	return Record{
		Topic: schemas.StockLevels, Key: s.SKU, Version: version, Event: s.LastEvent,
		Value: schemas.Stock{
			SKU: s.SKU, Version: version, Event: s.LastEvent, OnHand: s.OnHand, Reserved: s.Reserved,
			Available: s.Available(), Received: s.Received, Committed: s.Committed, Restocked: s.Restocked,
			WrittenOff: s.WrittenOff, UpdatedAt: moment(s.UpdatedAt),
		},
	}
}

// paymentSeen is what an order takes from a record of a payment.
func paymentSeen(p schemas.Payment) order.Payment {
	return order.Payment{
		Version: p.Version, Status: order.PaymentStatus(p.Status), Captured: p.Captured, Refunded: p.Refunded, Reason: p.Reason,
	}
}

// reservationSeen is what an order takes from a record of a reservation.
func reservationSeen(r schemas.Reservation) order.Reservation {
	seen := order.Reservation{Version: r.Version, Status: order.ReservationStatus(r.Status), Reason: r.Reason}
	for _, l := range r.Lines {
		seen.Restocked += l.Restocked
	}
	return seen
}

// orderPaid is what a payment takes from a record of an order.
func orderPaid(o schemas.Order) payment.Order {
	return payment.Order{
		OrderID: o.OrderID, Version: o.Version, Status: payment.OrderStatus(o.Status), Total: o.Total,
		Currency: o.Currency, Method: o.PaymentMethod, RefundDue: o.RefundDue,
	}
}

// orderStocked is what a reservation takes from a record of an order.
func orderStocked(o schemas.Order) inventory.Order {
	seen := inventory.Order{OrderID: o.OrderID, Version: o.Version, Status: inventory.OrderStatus(o.Status)}
	for _, l := range o.Lines {
		if l.Kind == schemas.LineGoods {
			seen.Lines = append(seen.Lines, inventory.OrderLine{
				Line: int32(l.Line), SKU: l.SKU, Quantity: l.Quantity, Returned: l.Returned,
			})
		}
	}
	return seen
}

func moment(at int64) time.Time { return time.UnixMicro(at).UTC() }

// String is the record in one line, without what never changes.
func (r Record) String() string {
	fields := []string{r.Topic, r.Key, fmt.Sprintf("v%d", r.Version)}
	if r.State != "" {
		fields = append(fields, r.State)
	}
	number := func(name string, n int64) {
		if n != 0 {
			fields = append(fields, fmt.Sprintf("%s=%d", name, n))
		}
	}
	text := func(name, s string) {
		if s != "" {
			fields = append(fields, fmt.Sprintf("%s=%q", name, s))
		}
	}
	switch v := r.Value.(type) {
	case schemas.Order:
		number("total", v.Total)
		for _, l := range v.Lines {
			number(fmt.Sprintf("lines[%d].returned", l.Line), l.Returned)
		}
		number("refund_due", v.RefundDue)
		text("reason", v.Reason)
	case schemas.Payment:
		number("amount", v.Amount)
		number("captured", v.Captured)
		number("refunded", v.Refunded)
		text("reason", v.Reason)
	case schemas.Reservation:
		for _, l := range v.Lines {
			number(fmt.Sprintf("lines[%d].restocked", l.Line), l.Restocked)
		}
		text("reason", v.Reason)
	case schemas.Stock:
		fields = append(fields, fmt.Sprintf("on_hand=%d reserved=%d available=%d", v.OnHand, v.Reserved, v.Available))
	}
	return strings.Join(fields, " ")
}

// latestOnly is a topic after compaction: the last record of every key.
func latestOnly(log []Record, topic string) []Record {
	var kept []Record
	for i, r := range log {
		superseded := r.Topic == topic && slices.ContainsFunc(log[i+1:], func(later Record) bool {
			return later.Topic == topic && later.Key == r.Key
		})
		if !superseded {
			kept = append(kept, r)
		}
	}
	return kept
}
