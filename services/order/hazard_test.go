package order

import "testing"

// Hazard 17: a terminal status must mean everything, or the second return
// would find the door shut. Parts are counters that only grow.
func TestHazard17_APartialReturnLeavesTheOrderOpenForTheNext(t *testing.T) {
	s := partlyReturned(t)
	if s.Status != StatusCompleted {
		t.Fatalf("one return of some lines made the order %s", s.Status)
	}
	before := s
	s = decided(t, s, Return{ID: "r-2", Lines: []ReturnLine{{1, 1}}, At: noon + 4})
	if s.RefundDue <= before.RefundDue || s.Lines[0].Returned <= before.Lines[0].Returned {
		t.Fatalf("the counters did not grow: %s", asJSON(t, s))
	}
	if before.Lines[0].Returned != 2 {
		t.Fatal("the earlier state was written into")
	}
}

// Hazard 18: from CONFIRMED on, neither the customer nor the deadline cancels;
// only a payment that was voided, because its capture was refused, does.
func TestHazard18_ConfirmedIsThePointOfNoReturn(t *testing.T) {
	s := confirmed(t)
	_, err := Decide(s, Cancel{At: noon + 2})
	wantError(t, err, ErrNotCancellable)
	if events, err := Decide(s, Expire{At: deadline}); err != nil || len(events) > 0 {
		t.Fatalf("the deadline did %v (%v)", events, err)
	}
	_, err = Decide(s, Return{ID: "r-1", Lines: []ReturnLine{{1, 1}}})
	wantError(t, err, ErrNotReturnable)
	_, err = Decide(s, Reject{Reason: ReasonOutOfStock})
	wantError(t, err, ErrImpossible)

	s, err = follow(t, s, seen(PaymentVoided, ReservationCommitted))
	if err != nil || s.Status != StatusCancelled || s.CancelReason != ReasonCaptureRefused {
		t.Fatalf("got %s (%s), %v", s.Status, s.CancelReason, err)
	}
}

// Hazard 14, this side of it: a deadline that fires late finds an order that
// has moved on, and does nothing.
func TestHazard14_ALateDeadlineDoesNotCancelAConfirmedOrder(t *testing.T) {
	s, err := follow(t, placed(t), seen(PaymentAuthorized, ReservationReserved))
	if err != nil {
		t.Fatal(err)
	}
	if events, err := Decide(s, Expire{At: deadline + 1}); err != nil || len(events) > 0 {
		t.Fatalf("the deadline did %v (%v)", events, err)
	}
}

// Hazard 21: an order for nothing takes the same path and owes nothing.
func TestHazard21_AnOrderForNothingSettlesWithoutMoney(t *testing.T) {
	c := somePlace()
	for i := range c.Lines {
		c.Lines[i].Amount = 0
	}
	o := Observed{Payment: Payment{Version: 1, Status: PaymentAuthorized}, Reservation: Reservation{Version: 1, Status: ReservationReserved}}
	s, err := follow(t, decided(t, State{}, c), o)
	if err != nil {
		t.Fatal(err)
	}
	o = Observed{Payment: Payment{Version: 2, Status: PaymentCaptured}, Reservation: Reservation{Version: 2, Status: ReservationCommitted}}
	if s, err = follow(t, s, o); err != nil || s.Status != StatusCompleted {
		t.Fatalf("got %s, %v", s.Status, err)
	}
	s = decided(t, s, Return{ID: "all", Lines: []ReturnLine{{1, 6}, {2, 3}, {3, 1}}})
	o.Reservation = Reservation{Version: 3, Status: ReservationRestocked, Restocked: 9}
	if s.RefundDue != 0 || s.Status != StatusReturned || !Settled(s, o) {
		t.Fatalf("got %s", asJSON(t, s))
	}
}
