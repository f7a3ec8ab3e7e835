package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/murmuration-dev/murmuration/schemas"
)

// ends finds orders that stand still: not settled, and nothing that could move
// them.
func (a *auditor) ends(t *tally) {
	a.sparing(t)
	for _, c := range a.cases {
		if c.order == nil || c.order.Record == nil {
			continue
		}
		t.examined(1)
		stuck := c.judged && len(c.pending) == 0 || len(c.parked) > 0
		if !stuck || c.finished() {
			continue
		}
		parts := []string{c.describe(a.At)}
		if why := c.unseen(); why != "" {
			parts = append(parts, why)
		}
		if len(c.parked) > 0 {
			parts = append(parts, c.parked...)
		} else {
			parts = append(parts, "and nothing is in flight")
		}
		t.found(Finding{Subject: "order " + c.id, Version: c.order.Version, Detail: "stuck: " + strings.Join(parts, "; ")})
	}
}

// possible are the statuses that may stand beside an order's once each service
// has seen the latest of the others. Whether an order may stay there is for ends
// to say.
var possible = map[schemas.OrderStatus]struct {
	payments     []schemas.PaymentStatus
	reservations []schemas.ReservationStatus
}{
	schemas.OrderPlaced: {
		[]schemas.PaymentStatus{"", schemas.PaymentAuthorized, schemas.PaymentDeclined, schemas.PaymentVoided},
		[]schemas.ReservationStatus{"", schemas.ReservationReserved, schemas.ReservationRejected, schemas.ReservationReleased},
	},
	schemas.OrderConfirmed: {
		[]schemas.PaymentStatus{schemas.PaymentAuthorized, schemas.PaymentCaptured, schemas.PaymentVoided},
		[]schemas.ReservationStatus{schemas.ReservationReserved, schemas.ReservationCommitted},
	},
	schemas.OrderCompleted: {
		[]schemas.PaymentStatus{schemas.PaymentCaptured, schemas.PaymentRefunded},
		[]schemas.ReservationStatus{schemas.ReservationCommitted, schemas.ReservationRestocked},
	},
	schemas.OrderReturned: {
		[]schemas.PaymentStatus{schemas.PaymentCaptured, schemas.PaymentRefunded},
		[]schemas.ReservationStatus{schemas.ReservationCommitted, schemas.ReservationRestocked},
	},
	schemas.OrderCancelled: {
		[]schemas.PaymentStatus{"", schemas.PaymentAuthorized, schemas.PaymentDeclined, schemas.PaymentVoided},
		[]schemas.ReservationStatus{"", schemas.ReservationReserved, schemas.ReservationRejected, schemas.ReservationReleased,
			schemas.ReservationCommitted, schemas.ReservationRestocked},
	},
}

func (a *auditor) agreement(t *tally) {
	a.sparing(t)
	for _, c := range a.cases {
		if !c.judged || !c.exists() {
			continue
		}
		t.examined(1)
		accuse := func(format string, args ...any) {
			t.found(Finding{Subject: "order " + c.id, Detail: fmt.Sprintf(format, args...)})
		}
		if c.order == nil || c.order.Record == nil {
			if c.payment.Head() > 0 || c.reservation.Head() > 0 {
				accuse("has a payment or a reservation, but the order service does not know it")
			}
			continue
		}
		agree(c, *c.order.Record, accuse)
	}
}

func agree(c *orderCase, o schemas.Order, accuse func(string, ...any)) {
	p, r := c.paid(), c.held()
	if may := possible[o.Status]; !slices.Contains(may.payments, p.Status) {
		accuse("is %s beside a payment that is %s", o.Status, p.Status)
	} else if !slices.Contains(may.reservations, r.Status) {
		accuse("is %s beside a reservation that is %s", o.Status, r.Status)
	}
	foreseen := func(who, what string, seen, is int64) {
		if seen > is {
			accuse("%s has seen version %d of the %s, which never was beyond %d", who, seen, what, is)
		}
	}
	foreseen("payment", "order", c.payment.seen().Order, c.order.Head())
	foreseen("inventory", "order", c.reservation.seen().Order, c.order.Head())
	foreseen("order", "payment", c.order.seen().Payment, c.payment.Head())
	foreseen("order", "reservation", c.order.seen().Reservation, c.reservation.Head())
	if len(r.Lines) > 0 {
		agreeLines(o, r, c.finished(), accuse)
	}
}

// agreeLines compares what was reserved with what was ordered, line by line.
func agreeLines(o schemas.Order, r schemas.Reservation, finished bool, accuse func(string, ...any)) {
	goods := 0
	for _, l := range o.Lines {
		if l.Kind != schemas.LineGoods {
			continue
		}
		goods++
		i := slices.IndexFunc(r.Lines, func(x schemas.ReservedLine) bool { return x.Line == l.Line })
		if i < 0 {
			accuse("line %d is goods and was never reserved", l.Line)
			continue
		}
		x := r.Lines[i]
		if x.SKU != l.SKU || x.Quantity != l.Quantity {
			accuse("line %d orders %d of %s, reserved are %d of %s", l.Line, l.Quantity, l.SKU, x.Quantity, x.SKU)
		}
		if o.Status != schemas.OrderCancelled && (x.Restocked > l.Returned || finished && x.Restocked != l.Returned) {
			accuse("line %d returned %d, restocked %d", l.Line, l.Returned, x.Restocked)
		}
	}
	if goods != len(r.Lines) {
		accuse("has %d lines of goods, %d are reserved", goods, len(r.Lines))
	}
}
