package model

import (
	"fmt"

	"github.com/murmuration-dev/murmuration/pkg/decider"
	"github.com/murmuration-dev/murmuration/services/order"
)

// orderDB is what the order service stores of one order.
type orderDB struct {
	State    order.State
	Seen     order.Observed
	Version  int64
	Deadline bool // its intent waits
}

func (w *World) orderDecider() decider.Decider[order.State, order.Command, order.Event] {
	return decider.Decider[order.State, order.Command, order.Event]{Decide: w.fn.OrderDecide, Evolve: w.fn.OrderEvolve}
}

func (w *World) placeCommand() order.Command {
	amount := w.cfg.Quantity * amountPerUnit
	if w.cfg.Free {
		amount = 0
	}
	return order.Place{
		ID: orderID, Currency: "GBP", PaymentMethod: "pm_card", Deadline: now, At: placedAt,
		Lines: []order.Line{{SKU: sku, Quantity: w.cfg.Quantity, Amount: amount, Kind: order.KindGoods}},
	}
}

// orderCommand is a request of a customer, or the deadline. A refusal changes
// nothing.
func (w *World) orderCommand(db id, c order.Command) outcome {
	before := w.order(db)
	events, err := w.fn.OrderDecide(before.State, c)
	if err != nil || len(events) == 0 {
		return outcome{db: db}
	}
	return w.commitOrder(before, before, events)
}

// orderWrites observes a record and lets the order react, in one commit: it ends
// the transaction of a worker that loaded the order as snapshot and finds it as
// db. With the stream locked the two are the same.
func (w *World) orderWrites(db, snapshot, read id) outcome {
	was, is, r := w.order(snapshot), w.order(db), w.record(read)
	var news bool
	if r.Topic == payments {
		was.Seen, news = w.fn.OrderSeePayment(was.Seen, r.Payment)
	} else {
		was.Seen, news = w.fn.OrderSeeReserved(was.Seen, r.Reservation)
	}
	if !news {
		return outcome{db: db}
	}
	after := is
	if r.Topic == payments {
		after.Seen.Payment = was.Seen.Payment
	} else {
		after.Seen.Reservation = was.Seen.Reservation
	}
	_, events, err := w.orderDecider().Settle(was.State, func(s order.State) (order.Command, bool) {
		c := order.Stamp(w.fn.OrderReact(s, was.Seen), now)
		return c, c != nil
	})
	if err != nil {
		return outcome{db: db, breaks: "order parks a record: " + err.Error()}
	}
	if len(events) > 0 && was.Version != is.Version {
		return outcome{db: db} // a conflict of versions: rolled back, read again
	}
	return w.commitOrder(is, after, events)
}

// commitOrder stores events, with the intent of the deadline and the record.
func (w *World) commitOrder(before, after orderDB, events []order.Event) outcome {
	for _, e := range events {
		from := after.State
		after.State = w.fn.OrderEvolve(from, e)
		after.Version++
		if why := orderArrow(from, after.State); why != "" {
			return outcome{breaks: why}
		}
	}
	if why := w.rebuildOrder(before.State, after.State, events); why != "" {
		return outcome{breaks: why}
	}
	waited, waits := before.State.Status == order.StatusPlaced, after.State.Status == order.StatusPlaced
	if waits != waited {
		after.Deadline = waits
	}
	out := outcome{db: w.putOrder(after)}
	if _, shown := after.State.Public(); shown && order.Publishes(events) {
		out.record = w.putRecord(orderRecord(after.State, after.Version))
	}
	return out
}

// orderArrow names a step that an order must never make.
func orderArrow(from, to order.State) string {
	allowed := false
	switch from.Status {
	case order.StatusNone:
		allowed = to.Status == order.StatusPlaced
	case order.StatusPlaced:
		allowed = to.Status == order.StatusConfirmed || to.Status == order.StatusCancelled
	case order.StatusConfirmed:
		allowed = to.Status == order.StatusCompleted ||
			to.Status == order.StatusCancelled && to.CancelReason == order.ReasonCaptureRefused
	case order.StatusCompleted:
		allowed = to.Status == order.StatusCompleted || to.Status == order.StatusReturned
	case order.StatusReturned:
		allowed = to.Status == order.StatusReturned
	case order.StatusCancelled:
	}
	if !allowed {
		return fmt.Sprintf("an order that is %s becomes %s (%s)", from.Status, to.Status, to.CancelReason)
	}
	if to.RefundDue < from.RefundDue || to.RefundDue > to.Total {
		return fmt.Sprintf("the refund that is due goes from %d to %d of %d", from.RefundDue, to.RefundDue, to.Total)
	}
	return ""
}

// rebuildOrder compares the state with the one that its stored events give. By
// induction over commits, rebuilding gives every state that was ever stored.
func (w *World) rebuildOrder(before, after order.State, events []order.Event) string {
	s := before
	for _, e := range events {
		name, schema, data, err := order.EncodeEvent(e)
		if err == nil {
			e, err = order.DecodeEvent(name, schema, data)
		}
		if err != nil {
			return "an order's event cannot be stored: " + err.Error()
		}
		s = w.fn.OrderEvolve(s, e)
	}
	if key(s) != key(after) {
		return "rebuilding an order gives another state"
	}
	return ""
}
