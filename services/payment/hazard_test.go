package payment

import "testing"

// Hazard 15: "returned minus refunded" while a refund is in flight would pay
// twice. One command in flight; its key names the cumulative amounts.
func TestHazard15_ASecondReturnDuringARefundIsNotPaidTwice(t *testing.T) {
	o := Observed{Order: order(5, OrderCompleted, 300)}
	s := followed(t, captured(t), o)
	first, _ := s.Pending()
	if first.Key != "536365/refund/0-300" || first.Amount != 300 {
		t.Fatalf("got %+v", first)
	}
	o, _ = o.WithOrder(order(6, OrderCompleted, 700))
	s = followed(t, s, o)
	if still, _ := s.Pending(); still != first {
		t.Fatalf("while %s is in flight, %s was asked", first.Key, still.Key)
	}
	if _, err := Decide(s, Refund{To: 700}); err == nil {
		t.Fatal("a second refund was put in flight beside the first")
	}

	s = answered(t, s, o, RecordRefunded{To: 300})
	second, _ := s.Pending()
	if second.Key != "536365/refund/300-700" || second.Amount != 400 {
		t.Fatalf("got %+v", second)
	}
	wantIgnored(t, s, RecordRefunded{To: 300}) // the first answer, once more
	if s = answered(t, s, o, RecordRefunded{To: 700}); s.Refunded != 700 || s.Status != StatusCaptured {
		t.Fatalf("got %s", asJSON(t, s))
	}
}

// Hazard 16: authorize times out, void finds nothing, authorize arrives late,
// money is held for ever. So the gateway's id is stored before anything holds
// money, everything later goes by that id, and void waits for the answer.
func TestHazard16_MoneyIsNeverHeldWithoutAnIDToVoidItBy(t *testing.T) {
	s := creating(t)
	if c, _ := s.Pending(); c.Kind != KindCreate || c.GatewayID != "" {
		t.Fatalf("got %+v", c)
	}
	opened := decided(t, s, RecordOpened{GatewayID: "pi_1"})
	if opened.GatewayID != "pi_1" || opened.InFlight.Kind != KindNone {
		t.Fatalf("the id is not stored by itself: %s", asJSON(t, opened))
	}
	if _, err := Decide(s, Confirm{}); err == nil {
		t.Fatal("money would be held before the id is known")
	}
	_, err := Decide(s, RecordOpened{})
	wantError(t, err, ErrInvalid)

	// The order is cancelled while CONFIRM is in flight: a void now could
	// overtake it, so the payment waits for the outcome, whatever it is.
	s = followed(t, confirming(t), saw(OrderCancelled))
	if c, _ := s.Pending(); c.Kind != KindConfirm {
		t.Fatalf("while CONFIRM is in flight, %s was asked", c.Kind)
	}
	_, err = Decide(s, Void{Reason: ReasonOrderCancelled})
	wantError(t, err, ErrImpossible)
	s = answered(t, s, saw(OrderCancelled), RecordAuthorized{})
	if c, _ := s.Pending(); c.Kind != KindVoid || c.GatewayID != "pi_1" {
		t.Fatalf("got %+v", c)
	}
	if s = answered(t, s, saw(OrderCancelled), RecordVoided{}); s.Status != StatusVoided || s.Reason != ReasonOrderCancelled {
		t.Fatalf("got %s", asJSON(t, s))
	}
}

// Two executors ask for CREATE. The first answer is recorded and the money is
// held; then the other one, refused since the gateway has forgotten the key,
// must not be taken for the refusal of CONFIRM.
func TestHazard16_ALateRefusalOfCreateDoesNotDeclineWhatIsHeld(t *testing.T) {
	late := RecordDeclined{Kind: KindCreate, Reason: "card_declined"}
	wantIgnored(t, confirming(t), late)
	if s := decided(t, creating(t), late); s.Status != StatusDeclined {
		t.Fatalf("in time it declines: the payment is %s", s.Status)
	}
	if s := decided(t, confirming(t), RecordDeclined{Kind: KindConfirm}); s.Status != StatusDeclined {
		t.Fatalf("the refusal of CONFIRM declines: the payment is %s", s.Status)
	}
	wantIgnored(t, creating(t), RecordDeclined{Kind: KindConfirm})
}

// Hazard 17: REFUNDED means everything; parts are a counter that only grows.
func TestHazard17_RefundedMeansEverything(t *testing.T) {
	s := refunded(t, 300)
	if s.Status != StatusCaptured || s.Refunded != 300 {
		t.Fatalf("after a part the payment is %s", s.Status)
	}
	o := Observed{Order: order(12, OrderReturned, 1_000)}
	s = answered(t, followed(t, s, o), o, RecordRefunded{To: 1_000})
	if s.Status != StatusRefunded || s.Refunded != 1_000 {
		t.Fatalf("got %s", asJSON(t, s))
	}
}

// Hazard 18, this side of it: a refused capture is voided first, and only the
// void is shown to others, with its reason.
func TestHazard18_ARefusedCaptureIsVoidedBeforeAnybodyHearsOfIt(t *testing.T) {
	s := capturing(t)
	events, err := Decide(s, RecordCaptureRefused{Reason: "insufficient funds"})
	if err != nil || Publishes(events) {
		t.Fatalf("the refusal is published by itself: %v, %v", events, err)
	}
	s = voidingRefused(t)
	if status, ok := s.Public(); !ok || status != "AUTHORIZED" || s.Reason != "" {
		t.Fatalf("others see %s (%s)", status, s.Reason)
	}
	s = decided(t, s, RecordVoided{})
	if status, _ := s.Public(); status != "VOIDED" || s.Reason != "capture refused: insufficient funds" {
		t.Fatalf("others see %s (%s)", status, s.Reason)
	}
}

// Hazard 19: CANCELLED seen before PLACED leaves a floor, so that a
// resurrected PLACED does nothing.
func TestHazard19_APlacedReadAfterCancelledTakesNoMoney(t *testing.T) {
	var o Observed
	o, _ = o.WithOrder(order(4, OrderCancelled, 0))
	s := followed(t, State{}, o)
	if status, ok := s.Public(); !ok || status != "VOIDED" || s.OrderID != "536365" {
		t.Fatalf("got %s", asJSON(t, s))
	}
	if _, fresh := o.WithOrder(order(1, OrderPlaced, 0)); fresh {
		t.Fatal("the old record was taken for a new one")
	}
	// Even with the observation forgotten, the floor holds.
	if s = followed(t, s, Observed{Order: order(1, OrderPlaced, 0)}); standing(s) != "VOIDED" {
		t.Fatalf("payment is %s", standing(s))
	}
	if events, err := Decide(s, Authorize{OrderID: "536365", Amount: 1, Currency: "GBP"}); err != nil || len(events) > 0 {
		t.Fatalf("got %v, %v", events, err)
	}
}

// Hazard 21: total 0 never goes to a gateway, on no path.
func TestHazard21_NothingIsEverAskedOfTheGatewayForATotalOfZero(t *testing.T) {
	free := func(status OrderStatus) Observed {
		o := order(1, status, 0)
		o.Total, o.Method = 0, ""
		return Observed{Order: o}
	}
	step := func(s State, o Observed, want Status) State {
		t.Helper()
		s = followed(t, s, o)
		if _, asked := s.Pending(); asked || s.Status != want {
			t.Fatalf("payment is %s, want %s", standing(s), want)
		}
		return s
	}
	s := step(State{}, free(OrderPlaced), StatusAuthorized)
	step(s, free(OrderCancelled), StatusVoided)
	s = step(s, free(OrderConfirmed), StatusCaptured)
	step(s, free(OrderReturned), StatusCaptured)
}
