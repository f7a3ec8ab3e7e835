package choreography

import (
	"slices"

	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/inventory"
	"github.com/murmuration-dev/murmuration/services/order"
	"github.com/murmuration-dev/murmuration/services/payment"
)

// side is what one service keeps of one order: its state, the number of its
// last event, and the latest that it has seen of the others.
type side[S, O any] struct {
	State   S
	Version int64
	Seen    O
}

// world is one order in all three services, the stock that it wants, and the
// records between them.
type world struct {
	Order       side[order.State, order.Observed]
	Payment     side[payment.State, payment.Observed]
	Reservation side[inventory.State, inventory.Observed]
	Stock       map[string]side[inventory.StockState, struct{}]
	Log         []Record
}

// clone lets a step write without changing the world it came from.
func (w world) clone() world {
	stock := make(map[string]side[inventory.StockState, struct{}], len(w.Stock))
	for sku, item := range w.Stock {
		stock[sku] = item
	}
	w.Stock, w.Log = stock, slices.Clip(w.Log)
	return w
}

// publish appends records to the log, in the order of the commit.
func (w *world) publish(records ...Record) []Record {
	for i := range records {
		if last := len(w.Log) - 1; last >= 0 {
			records[i].Offset = w.Log[last].Offset + 1
		}
		w.Log = append(w.Log, records[i])
	}
	return records
}

// latest is the last record of the order on a topic.
func (w world) latest(topic string) (Record, bool) {
	for _, r := range slices.Backward(w.Log) {
		if r.Topic == topic {
			return r, true
		}
	}
	return Record{}, false
}

// The standing of a service names its node in a diagram: the status, and what
// was asked of the gateway and is not answered.

func orderStanding(s order.State) string { return string(s.Status) }

func paymentStanding(s payment.State) string {
	if s.InFlight.Kind == payment.KindNone {
		return string(s.Status)
	}
	return string(s.Status) + " " + string(s.InFlight.Kind)
}

func reservationStanding(s inventory.State) string { return string(s.Status) }

// standing says where all three are, for messages.
func (w world) standing() string {
	none := func(s string) string {
		if s == "" {
			return "nothing"
		}
		return s
	}
	return "order " + none(orderStanding(w.Order.State)) +
		", payment " + none(paymentStanding(w.Payment.State)) +
		", reservation " + none(reservationStanding(w.Reservation.State))
}

// readersOf are the services that observe a topic's records.
var readersOf = map[string][]string{
	schemas.Orders:       {schemas.PaymentService, schemas.InventoryService},
	schemas.Payments:     {schemas.OrderService},
	schemas.Reservations: {schemas.OrderService},
}

// hasNews tells whether a reader would take more than nothing from a record.
func (w world) hasNews(reader string, r Record) bool {
	switch {
	case reader == schemas.OrderService && r.Topic == schemas.Payments:
		return r.Version > w.Order.Seen.Payment.Version
	case reader == schemas.OrderService && r.Topic == schemas.Reservations:
		return r.Version > w.Order.Seen.Reservation.Version
	case reader == schemas.PaymentService:
		return r.Version > w.Payment.Seen.Order.Version
	case reader == schemas.InventoryService:
		return r.Version > w.Reservation.Seen.Order.Version
	}
	return false
}
