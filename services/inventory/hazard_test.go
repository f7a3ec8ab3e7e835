package inventory

import "testing"

// Hazard 15 and 17, for goods: what is put back is a difference of cumulative
// numbers, so a return that is read twice, or of which a step was never read,
// moves the right number of units. RESTOCKED means everything.
func TestHazard17_RestockedMeansEverythingAndPartsOnlyGrow(t *testing.T) {
	s := committed(t)
	put := int64(0)
	for _, seen := range []Observed{
		saw(OrderCompleted, 2), saw(OrderCompleted, 2), saw(OrderCompleted, 1), // once, again, late
		saw(OrderCompleted, 5, 3), // a step in between was never read
		saw(OrderReturned, 6, 3, 2), saw(OrderReturned, 6, 3, 2),
	} {
		c := React(s, seen)
		if c == nil {
			continue
		}
		events, err := Decide(s, c)
		if err != nil {
			t.Fatal(err)
		}
		for _, effect := range StockEffects(s, events) {
			put += effect.Command.(PutBack).Quantity
		}
		if s = folded(s, events...); (s.Status == StatusRestocked) != (s.RestockedTotal() == 11) {
			t.Fatalf("%s with %d of 11 back", s.Status, s.RestockedTotal())
		}
	}
	if put != 11 || s.Status != StatusRestocked {
		t.Fatalf("%d units were put back, reservation is %s", put, s.Status)
	}
}

// Hazard 18, this side of it: the order is cancelled by a refused capture after
// its goods have left, or before inventory heard of the confirmation.
func TestHazard18_ARefusedCaptureBringsTheGoodsBack(t *testing.T) {
	if s := followed(t, committed(t), saw(OrderCancelled)); s.Status != StatusRestocked || s.RestockedTotal() != 11 {
		t.Fatalf("got %s", asJSON(t, s))
	}
	if s := followed(t, reserved(t), saw(OrderCancelled)); s.Status != StatusReleased || s.RestockedTotal() != 0 {
		t.Fatalf("got %s", asJSON(t, s))
	}
}

// Hazard 19: CANCELLED seen before PLACED leaves a floor, so that a
// resurrected PLACED holds nothing.
func TestHazard19_APlacedReadAfterCancelledHoldsNothing(t *testing.T) {
	var o Observed
	o, _ = o.WithOrder(order(4, OrderCancelled))
	c := React(State{}, o)
	events, err := Decide(State{}, c)
	if err != nil || len(SKUs(State{}, c)) > 0 || len(StockEffects(State{}, events)) > 0 {
		t.Fatalf("a floor touches stock: %v, %v", events, err)
	}
	s := folded(State{}, events...)
	if status, ok := s.Public(); !ok || status != "RELEASED" || s.OrderID != "536365" {
		t.Fatalf("got %s", asJSON(t, s))
	}
	if _, fresh := o.WithOrder(order(1, OrderPlaced)); fresh {
		t.Fatal("the old record was taken for a new one")
	}
	// Even with the observation forgotten, the floor holds.
	if c := React(s, Observed{Order: order(1, OrderPlaced)}); c != nil {
		t.Fatalf("an old PLACED asks for %T", c)
	}
}

// Hazard 20: on hand 10, reserved 10, write off 5, commit 10 would give -5.
func TestHazard20_WriteOffIsLimitedToWhatIsAvailable(t *testing.T) {
	s := item(10, 10)
	_, err := DecideStock(s, WriteOff{ID: "w-1", SKU: "85123A", Quantity: 5})
	wantError(t, err, ErrInsufficient)
	s = decidedStock(t, s, Take{OrderID: "1", SKU: "85123A", Quantity: 10})
	if s.OnHand != 0 {
		t.Fatalf("%d on hand", s.OnHand)
	}
}
