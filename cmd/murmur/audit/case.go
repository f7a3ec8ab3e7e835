package audit

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/payment/gatewaysim"
)

// orderCase is all that is known of one order id.
type orderCase struct {
	id          string
	order       *Stream[schemas.Order]
	payment     *Stream[schemas.Payment]
	reservation *Stream[schemas.Reservation]
	entries     []gatewaysim.Entry
	pending     []eventstore.Intent
	parked      []string // where, for people
	// judged says that what is known of the order is true at one moment.
	judged bool
}

// casesOf joins by order id, in order. Ids that only a gateway knows are cases
// too.
func casesOf(s Snapshot) []*orderCase {
	all := make(map[string]*orderCase, len(s.Orders))
	get := func(id string) *orderCase {
		c := all[id]
		if c == nil {
			c = &orderCase{id: id}
			all[id] = c
		}
		return c
	}
	for id, st := range s.Orders {
		get(id).order = st
	}
	for id, st := range s.Payments {
		get(id).payment = st
	}
	for id, st := range s.Reservations {
		get(id).reservation = st
	}
	for id, entries := range s.Gateway {
		get(id).entries = entries
	}
	for name := range sortedKeys(s.Services) {
		s.Services[name].assign(get)
	}
	out := make([]*orderCase, 0, len(all))
	for _, id := range slices.Sorted(maps.Keys(all)) {
		c := all[id]
		c.judged = s.Settled || c.atRest() && !s.Moving[id]
		out = append(out, c)
	}
	return out
}

// assign gives the intents and parked records of a service to their orders.
func (s *Service) assign(get func(string) *orderCase) {
	for _, in := range s.Pending {
		c := get(in.Stream.ID)
		c.pending = append(c.pending, in)
	}
	for _, in := range s.ParkedIntents {
		c := get(in.Stream.ID)
		c.parked = append(c.parked, fmt.Sprintf("intent %s of %s is parked", in.Key, s.Name))
	}
	for _, p := range s.Parked {
		c := get(p.Key)
		c.parked = append(c.parked, fmt.Sprintf("%s/%d@%d is parked by %s", p.Topic, p.Partition, p.Offset, s.Name))
	}
}

// exists says that a service knows the order.
func (c *orderCase) exists() bool { return c.order != nil || c.payment != nil || c.reservation != nil }

// atRest says that each service has seen the latest of the others and that
// nothing is asked of the gateway: what was read at different moments then fits
// together, because none of it can have moved alone.
func (c *orderCase) atRest() bool {
	if c.order == nil || c.payment == nil || c.reservation == nil || c.payment.Asked != "" {
		return false
	}
	for _, in := range c.pending {
		if in.Stream.Kind == kindPayment {
			return false
		}
	}
	return c.unseen() == ""
}

// unseen says which latest version somebody has not seen, or nothing.
func (c *orderCase) unseen() string {
	for _, s := range []struct {
		who, what string
		seen, is  int64
	}{
		{"payment", "order", c.payment.seen().Order, c.order.Head()},
		{"inventory", "order", c.reservation.seen().Order, c.order.Head()},
		{"order", "payment", c.order.seen().Payment, c.payment.Head()},
		{"order", "reservation", c.order.seen().Reservation, c.reservation.Head()},
	} {
		if s.seen != s.is {
			return fmt.Sprintf("%s has seen version %d of the %s, which is at %d", s.who, s.seen, s.what, s.is)
		}
	}
	return ""
}

func (s *Stream[R]) seen() Seen {
	if s == nil {
		return Seen{}
	}
	return s.Seen
}

// The statuses as last published; empty when there is no record.
func (c *orderCase) status() schemas.OrderStatus {
	if c.order == nil || c.order.Record == nil {
		return ""
	}
	return c.order.Record.Status
}

// paid is the payment's record, or one that says nothing.
func (c *orderCase) paid() schemas.Payment {
	if c.payment == nil || c.payment.Record == nil {
		return schemas.Payment{}
	}
	return *c.payment.Record
}

func (c *orderCase) held() schemas.Reservation {
	if c.reservation == nil || c.reservation.Record == nil {
		return schemas.Reservation{}
	}
	return *c.reservation.Record
}

// finished says that the order is settled: no money held or owed, no stock held
// or owed, by the records of all three.
func (c *orderCase) finished() bool {
	p, r := c.paid(), c.held()
	switch c.status() {
	case schemas.OrderCancelled:
		return slices.Contains([]schemas.PaymentStatus{schemas.PaymentDeclined, schemas.PaymentVoided}, p.Status) &&
			slices.Contains([]schemas.ReservationStatus{schemas.ReservationRejected, schemas.ReservationReleased, schemas.ReservationRestocked}, r.Status)
	case schemas.OrderCompleted, schemas.OrderReturned:
		return slices.Contains([]schemas.PaymentStatus{schemas.PaymentCaptured, schemas.PaymentRefunded}, p.Status) &&
			p.Refunded == c.order.Record.RefundDue &&
			slices.Contains([]schemas.ReservationStatus{schemas.ReservationCommitted, schemas.ReservationRestocked}, r.Status) &&
			restocked(r) == returnedGoods(*c.order.Record)
	}
	return false
}

func restocked(r schemas.Reservation) (n int64) {
	for _, l := range r.Lines {
		n += l.Restocked
	}
	return n
}

func returnedGoods(o schemas.Order) (n int64) {
	for _, l := range o.Lines {
		if l.Kind == schemas.LineGoods {
			n += l.Returned
		}
	}
	return n
}

// describe says where the three stand, for people.
func (c *orderCase) describe(now time.Time) string {
	none := func(s string) string {
		if s == "" {
			return "none"
		}
		return s
	}
	text := fmt.Sprintf("order %s, payment %s, reservation %s", none(string(c.status())), none(string(c.paid().Status)), none(string(c.held().Status)))
	if c.payment != nil && c.payment.Asked != "" {
		text += ", gateway asked to " + c.payment.Asked
	}
	if c.order != nil && c.order.Record != nil {
		text += fmt.Sprintf(", unchanged for %s", now.Sub(c.order.Record.UpdatedAt).Round(time.Second))
	}
	return text
}
