package order

import (
	"slices"
	"testing"
)

// world is one order with everything that payment and inventory have ever
// published about it, and what the order has read. Older records stay readable
// for ever, and none but the latest has to be read: this is every delay,
// repetition, reordering between topics and compaction at once.
type world struct {
	Order        State
	Seen         Observed
	Payments     []Payment
	Reservations []Reservation
	Returns      int
}

func (w world) payment() Payment         { return last(w.Payments) }
func (w world) reservation() Reservation { return last(w.Reservations) }

func last[T any](all []T) T {
	var none T
	if len(all) == 0 {
		return none
	}
	return all[len(all)-1]
}

// TestWalk_EveryDeliveryLeadsToASettledEnd explores everything that can happen
// to one order when the others keep to the table: any record late, repeated,
// out of order or never read, the customer and the deadline at any moment, a
// declined payment, no stock, a refused capture, two returns.
func TestWalk_EveryDeliveryLeadsToASettledEnd(t *testing.T) {
	start := world{Order: placed(t)}
	known := map[string]bool{asJSON(t, start): true}
	settled := map[Status]int{}
	for queue := []world{start}; len(queue) > 0; queue = queue[1:] {
		w := queue[0]
		if Settled(w.Order, w.Seen) {
			settled[w.Order.Status]++
		}
		next := successors(t, w)
		if len(next) == 0 && !Settled(w.Order, w.Seen) {
			t.Fatalf("nothing can happen and the order is not settled: %s", asJSON(t, w))
		}
		for _, n := range next {
			if key := asJSON(t, n); !known[key] {
				known[key] = true
				queue = append(queue, n)
			}
		}
	}
	t.Logf("%d worlds, settled: %v", len(known), settled)
	for _, s := range []Status{StatusCompleted, StatusCancelled, StatusReturned} {
		if settled[s] == 0 {
			t.Errorf("no walk settles %s", s)
		}
	}
}

func successors(t *testing.T, w world) []world {
	t.Helper()
	next := read(t, w)
	for _, p := range nextPayments(w.Order, w.payment()) {
		n := w
		n.Payments = append(slices.Clip(w.Payments), p)
		next = append(next, n)
	}
	for _, r := range nextReservations(w.Order, w.reservation()) {
		n := w
		n.Reservations = append(slices.Clip(w.Reservations), r)
		next = append(next, n)
	}
	for _, c := range wishes(w) {
		n := w
		if _, isReturn := c.(Return); isReturn {
			n.Returns++
		}
		n.Order = decided(t, w.Order, c)
		next = append(next, n)
	}
	return next
}

// read delivers any one record that was ever published, and lets the order react.
func read(t *testing.T, w world) []world {
	t.Helper()
	var next []world
	deliver := func(o Observed, fresh bool) {
		if !fresh {
			return
		}
		s, err := follow(t, w.Order, o)
		if err != nil {
			t.Fatalf("%v in %s", err, asJSON(t, w))
		}
		n := w
		n.Order, n.Seen = s, o
		next = append(next, n)
	}
	for _, p := range w.Payments {
		deliver(w.Seen.WithPayment(p))
	}
	for _, r := range w.Reservations {
		deliver(w.Seen.WithReservation(r))
	}
	return next
}

// wishes are what the customer and the clock may do now.
func wishes(w world) []Command {
	switch {
	case w.Order.Status == StatusPlaced:
		return []Command{Cancel{At: noon + 1}, Expire{At: deadline}}
	case w.Order.Status == StatusCompleted && w.Returns == 0:
		return []Command{
			Return{ID: "r-1", Lines: []ReturnLine{{1, 2}}, At: noon + 3},
			Return{ID: "r-1", Lines: []ReturnLine{{1, 6}, {2, 3}, {3, 1}}, At: noon + 3},
		}
	case w.Order.Status == StatusCompleted && w.Returns == 1:
		return []Command{Return{ID: "r-2", Lines: []ReturnLine{{1, 4}, {2, 3}}, At: noon + 4}}
	}
	return nil
}

// nextPayments is what payment may publish next, by its rows of the table.
func nextPayments(s State, p Payment) []Payment {
	to := func(status PaymentStatus, refunded int64) Payment {
		n := Payment{Version: p.Version + 2, Status: status, Captured: p.Captured, Refunded: refunded}
		if status == PaymentCaptured {
			n.Captured = s.Total
		}
		return n
	}
	switch {
	case p.Status == "" && s.Status == StatusPlaced:
		return []Payment{to(PaymentAuthorized, 0), to(PaymentDeclined, 0)}
	case p.Status == "" && s.Status == StatusCancelled:
		return []Payment{to(PaymentVoided, 0), to(PaymentAuthorized, 0), to(PaymentDeclined, 0)}
	case p.Status == PaymentAuthorized && s.Status == StatusConfirmed:
		return []Payment{to(PaymentCaptured, 0), to(PaymentVoided, 0)}
	case p.Status == PaymentAuthorized && s.Status == StatusCancelled:
		return []Payment{to(PaymentVoided, 0)}
	case p.Status == PaymentCaptured && p.Refunded < s.RefundDue:
		if s.RefundDue == s.Total {
			return []Payment{to(PaymentRefunded, s.RefundDue)}
		}
		return []Payment{to(PaymentCaptured, s.RefundDue)}
	}
	return nil
}

// nextReservations is what inventory may publish next.
func nextReservations(s State, r Reservation) []Reservation {
	to := func(status ReservationStatus, restocked int64) Reservation {
		return Reservation{Version: r.Version + 1, Status: status, Restocked: restocked}
	}
	switch {
	case r.Status == "" && s.Status == StatusPlaced:
		return []Reservation{to(ReservationReserved, 0), to(ReservationRejected, 0)}
	case r.Status == "" && s.Status == StatusCancelled:
		return []Reservation{to(ReservationReleased, 0), to(ReservationReserved, 0), to(ReservationRejected, 0)}
	case r.Status == ReservationReserved && s.Status == StatusConfirmed:
		return []Reservation{to(ReservationCommitted, 0)}
	case r.Status == ReservationReserved && s.Status == StatusCancelled:
		return []Reservation{to(ReservationReleased, 0)}
	case r.Status == ReservationCommitted && s.Status == StatusCancelled:
		return []Reservation{to(ReservationRestocked, 9)}
	case r.Status == ReservationCommitted && r.Restocked < s.ReturnedGoods():
		if s.Status == StatusReturned {
			return []Reservation{to(ReservationRestocked, s.ReturnedGoods())}
		}
		return []Reservation{to(ReservationCommitted, s.ReturnedGoods())}
	}
	return nil
}
