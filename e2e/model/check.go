package model

import (
	"fmt"

	"github.com/murmuration-dev/murmuration/services/inventory"
	"github.com/murmuration-dev/murmuration/services/order"
	"github.com/murmuration-dev/murmuration/services/payment"
)

// Properties are what is proved, in words.
func Properties() []string {
	return []string{
		"no money is taken for a cancelled order",
		"money is held by one payment at most, and taken by one at most, once",
		"refunds never exceed what is due, nor what was taken",
		"money is held only while its payment may still take it or give it back",
		"stock is never oversold: 0 ≤ reserved ≤ on hand, and every reserved unit has its reservation",
		"stock is conserved: received + put back = on hand + taken + written off",
		"a free order never reaches the gateway",
		"terminal states absorb, and every state has no other way out than the diagrams show",
		"CONFIRMED is left for COMPLETED, or for CANCELLED after a refused capture, and for nothing else",
		"versions on a topic ascend",
		"no record and no intent is ever parked: no observation is impossible",
		"reading a record again has no effect, and rebuilding from events gives the same state",
		"an order does not expire if payment and stock were promised before it was due",
		"every reachable state can still end, and under fair scheduling does, without a person or a deadline",
		"at the end the three services, the topics, the gateway and the stock agree",
	}
}

// Check implements search.System.
func (w *World) Check(s State) string {
	if w.cfg.Relay.Restores > 0 && w.relay(s.Relays).State != [3]running{} {
		return "" // what was set back has yet to look, or waits for a person
	}
	for i := range w.cfg.Orders {
		o := &s.Orders[i]
		k := [2]uint64{pack(o.order, o.payment, o.reservation, o.ledger), 1}
		if broken := w.checks.of(k, func() string { return w.checkMoney(*o) }); broken != "" {
			return broken
		}
	}
	k := [2]uint64{pack(s.Orders[0].reservation, s.Orders[1].reservation, s.Stock, 0), 2}
	return w.checks.of(k, func() string { return w.checkStock(s) })
}

func pack(a, b, c, d id) uint64 {
	return uint64(a)<<48 | uint64(b)<<32 | uint64(c)<<16 | uint64(d)
}

// checkMoney compares what the gateway did with what the services say.
func (w *World) checkMoney(s side) string {
	o, p := w.order(s.order).State, w.payment(s.payment).State
	holds, takes, taken, refunded := w.ledger(s.ledger).sums()
	switch {
	case takes > 1 || taken > o.Total:
		return fmt.Sprintf("money is taken twice: %d of %d, by %d payments", taken, o.Total, takes)
	case holds > 1:
		return "money is held twice"
	case w.cfg.Free && len(w.ledger(s.ledger).Payments) > 0:
		return "a free order reaches the gateway"
	case o.Status == order.StatusCancelled && taken > 0:
		return "money is taken for a cancelled order"
	case refunded > taken || refunded > o.RefundDue:
		return fmt.Sprintf("%d is refunded, %d is due, %d was taken", refunded, o.RefundDue, taken)
	case w.cfg.Relay.Restores > 0:
		return "" // a database that was set back has yet to hear again what the gateway knows
	case holds > 0 && p.Status != payment.StatusAuthorizing && p.Status != payment.StatusAuthorized:
		return fmt.Sprintf("money is held, and the payment is %s: nobody will take it or give it back", p.Status)
	case taken > 0 && p.Status != payment.StatusAuthorized && p.Status != payment.StatusCaptured && p.Status != payment.StatusRefunded:
		return fmt.Sprintf("money is taken, and the payment is %s", p.Status)
	case taken != p.Captured && p.Captured > 0 || refunded < p.Refunded:
		return fmt.Sprintf("the payment says %d captured and %d refunded, the gateway %d and %d", p.Captured, p.Refunded, taken, refunded)
	case completed(o) && taken != o.Total:
		return fmt.Sprintf("the order is %s, and %d of %d is taken", o.Status, taken, o.Total)
	}
	r := w.reservation(s.reservation).State
	if completed(o) && r.Status != inventory.StatusCommitted && r.Status != inventory.StatusRestocked {
		return fmt.Sprintf("the order is %s, and its reservation %s", o.Status, r.Status)
	}
	return ""
}

func completed(o order.State) bool {
	return o.Status == order.StatusCompleted || o.Status == order.StatusReturned
}

// checkStock compares the stock item with the reservations.
func (w *World) checkStock(s State) string {
	stock := w.stockItem(s.Stock).State
	if err := stock.Check(); err != nil {
		return "stock does not add up: " + err.Error()
	}
	var reserved, gone int64
	for i := range w.cfg.Orders {
		r := w.reservation(s.Orders[i].reservation).State
		for _, l := range r.Lines {
			switch r.Status {
			case inventory.StatusReserved:
				reserved += l.Quantity
			case inventory.StatusCommitted, inventory.StatusRestocked:
				gone += l.Quantity - l.Restocked
			case inventory.StatusNone, inventory.StatusRejected, inventory.StatusReleased:
			}
		}
	}
	if reserved != stock.Reserved || gone != stock.Committed-stock.Restocked {
		return fmt.Sprintf("reservations hold %d and took %d, the stock item says %d and %d",
			reserved, gone, stock.Reserved, stock.Committed-stock.Restocked)
	}
	return ""
}

// End implements search.System: it is asked where nothing moves by itself.
func (w *World) End(s State) string {
	if w.cfg.Relay.Explicit {
		r := w.relay(s.Relays)
		for _, state := range r.State {
			if state == stopped {
				return "" // with an alarm: a person has been called
			}
		}
		if r.Out != [3]id{} {
			return "rows wait in an outbox for ever"
		}
	}
	for i := range w.cfg.Orders {
		if missing := w.checkEnd(s.Orders[i]); missing != "" {
			return missing
		}
	}
	return ""
}

func (w *World) checkEnd(s side) string {
	o, p, r := w.order(s.order), w.payment(s.payment), w.reservation(s.reservation)
	holds, _, taken, refunded := w.ledger(s.ledger).sums()
	ended := fmt.Sprintf("it ends with the order %s, the payment %s and the reservation %s",
		shown(string(o.State.Status)), shown(string(p.State.Status)), shown(string(r.State.Status)))
	switch {
	case holds > 0:
		return ended + ", and money is held for ever"
	case len(p.Intents) > 0 || p.State.InFlight != payment.InFlight{}:
		return ended + ", and a gateway command waits for ever"
	case !w.fn.OrderSettled(o.State, o.Seen):
		return ended + ", which is not settled"
	case o.Deadline:
		return ended + ", and the deadline still waits"
	case !w.rests(o, p, r):
		return ended + ", and there is something left to do"
	case !agree(o.State, p.State, r.State, taken, refunded):
		return ended + fmt.Sprintf(", %d taken and %d refunded at the gateway", taken, refunded)
	}
	for t, last := range [3]record{
		orderRecord(o.State, o.Version), paymentRecord(p.State, p.Version), reservationRecord(r.State, r.Version),
	} {
		if id := w.last(s.logs[t]); key(sameVersion(w.record(id), last.Version)) != key(last) {
			return fmt.Sprintf("the topic %s ends with %s, and its database with %s", topic(t), w.record(id), last)
		}
	}
	return ""
}

// sameVersion lets a payment's version run ahead of its last record by what only
// the gateway knows.
func sameVersion(r record, version int64) record {
	if r.Topic == payments && r.Version <= version {
		r.Version, r.Payment.Version = version, version
	}
	return r
}

func agree(o order.State, p payment.State, r inventory.State, taken, refunded int64) bool {
	if o.Status == order.StatusCancelled {
		return taken == 0 && r.Status != inventory.StatusReserved && r.Status != inventory.StatusCommitted
	}
	return taken == o.Total && refunded == o.RefundDue && p.Captured == taken && p.Refunded == refunded &&
		r.RestockedTotal() == o.ReturnedGoods()
}

// rests tells whether no service has anything to do.
func (w *World) rests(o orderDB, p paymentDB, r reservationDB) bool {
	if c := w.fn.OrderReact(o.State, o.Seen); c != nil {
		if events, err := w.fn.OrderDecide(o.State, order.Stamp(c, now)); err != nil || len(events) > 0 {
			return false
		}
	}
	if c := w.fn.PaymentReact(p.State, p.Seen); c != nil {
		if events, err := w.fn.PaymentDecide(p.State, payment.Stamp(c, now)); err != nil || len(events) > 0 {
			return false
		}
	}
	if c := w.fn.InventoryReact(r.State, r.Seen); c != nil {
		if events, err := w.fn.InventoryDecide(r.State, inventory.Stamp(c, now)); err != nil || len(events) > 0 {
			return false
		}
	}
	return true
}

func shown(status string) string {
	if status == "" {
		return "unknown"
	}
	return status
}
