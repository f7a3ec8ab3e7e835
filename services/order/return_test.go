package order

import (
	"fmt"
	"testing"
)

func TestReturn_GrowsQuantitiesAndRefund(t *testing.T) {
	s := partlyReturned(t) // 2 of 6 units of 1,530
	if s.Status != StatusCompleted || s.Lines[0].Returned != 2 || s.RefundDue != 510 {
		t.Fatalf("got %s", asJSON(t, s))
	}
	s = decided(t, s, Return{ID: "r-2", Lines: []ReturnLine{{2, 1}, {1, 4}}, At: noon + 4})
	if s.Status != StatusCompleted || s.RefundDue != 1_530+333 || s.ReturnedGoods() != 7 {
		t.Fatalf("got %s", asJSON(t, s))
	}
	s = decided(t, s, Return{ID: "r-3", Lines: []ReturnLine{{2, 2}}, At: noon + 5})
	if s.Status != StatusReturned || s.RefundDue != 2_530 {
		t.Fatalf("all goods are back, got %s", asJSON(t, s))
	}
}

func TestReturn_PostageIsPossibleAndNotRequired(t *testing.T) {
	s := fullyReturned(t)
	if s.Status != StatusReturned || s.RefundDue != 2_530 || !s.Returnable() {
		t.Fatalf("got %s", asJSON(t, s))
	}
	s = decided(t, s, Return{ID: "r-post", Lines: []ReturnLine{{3, 1}}, At: noon + 9})
	if s.Status != StatusReturned || s.RefundDue != 3_000 || s.Returnable() {
		t.Fatalf("got %s", asJSON(t, s))
	}
	if s := decided(t, completed(t), Return{ID: "r-post", Lines: []ReturnLine{{3, 1}}}); s.Status != StatusCompleted {
		t.Fatalf("postage alone made the order %s", s.Status)
	}
}

func TestReturn_OfServicesOnlyNeedsAllOfThem(t *testing.T) {
	c := somePlace()
	c.Lines = []Line{{SKU: "POST", Quantity: 1, Amount: 5, Kind: KindService}, {SKU: "M", Quantity: 2, Amount: 4, Kind: KindService}}
	s := folded(decided(t, State{}, c), Confirmed{}, Completed{})
	s = decided(t, s, Return{ID: "a", Lines: []ReturnLine{{1, 1}}})
	if s.Status != StatusCompleted {
		t.Fatalf("order is %s after one of two services", s.Status)
	}
	if s = decided(t, s, Return{ID: "b", Lines: []ReturnLine{{2, 2}}}); s.Status != StatusReturned || s.RefundDue != 9 {
		t.Fatalf("got %s", asJSON(t, s))
	}
}

func TestReturn_OnlyAfterCompletion(t *testing.T) {
	for _, s := range []State{placed(t), confirmed(t), cancelled(t), captureRefused(t)} {
		_, err := Decide(s, Return{ID: "r-1", Lines: []ReturnLine{{1, 1}}})
		wantError(t, err, ErrNotReturnable)
		if s.Returnable() {
			t.Errorf("an order that is %s says it is returnable", s.Status)
		}
	}
}

func TestReturn_NeverMoreThanIsLeft(t *testing.T) {
	_, err := Decide(partlyReturned(t), Return{ID: "r-2", Lines: []ReturnLine{{1, 5}}})
	wantError(t, err, ErrNotReturnable)
	_, err = Decide(fullyReturned(t), Return{ID: "r-2", Lines: []ReturnLine{{1, 1}}})
	wantError(t, err, ErrNotReturnable)
}

func TestReturn_ChecksItsFields(t *testing.T) {
	for name, c := range map[string]Return{
		"no id":            {Lines: []ReturnLine{{1, 1}}},
		"no lines":         {ID: "r"},
		"line 0":           {ID: "r", Lines: []ReturnLine{{0, 1}}},
		"an unknown line":  {ID: "r", Lines: []ReturnLine{{4, 1}}},
		"a negative line":  {ID: "r", Lines: []ReturnLine{{-1, 1}}},
		"a line twice":     {ID: "r", Lines: []ReturnLine{{1, 1}, {1, 1}}},
		"no quantity":      {ID: "r", Lines: []ReturnLine{{1, 0}}},
		"a bad reason":     {ID: "r", Lines: []ReturnLine{{1, 1}}, Reason: "\x00"},
		"a vast quantity":  {ID: "r", Lines: []ReturnLine{{1, MaxQuantity + 1}}},
		"an id with paths": {ID: "../r", Lines: []ReturnLine{{1, 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decide(completed(t), c)
			wantError(t, err, ErrInvalid)
		})
	}
}

func TestReturn_TheSameReturnAgainChangesNothing(t *testing.T) {
	c := Return{ID: "r-1", Lines: []ReturnLine{{2, 1}, {1, 2}}, At: noon + 3}
	s := decided(t, completed(t), c)
	again := Return{ID: "r-1", Lines: []ReturnLine{{1, 2}, {2, 1}}, Reason: "other words", At: noon + 4}
	if events, err := Decide(s, again); err != nil || len(events) > 0 {
		t.Fatalf("got %v, %v", events, err)
	}
	_, err := Decide(s, Return{ID: "r-1", Lines: []ReturnLine{{1, 3}}})
	wantError(t, err, ErrReturnConflict)

	s = decided(t, s, Return{ID: "r-2", Lines: []ReturnLine{{1, 4}, {2, 2}}})
	if events, err := Decide(s, again); err != nil || len(events) > 0 {
		t.Fatalf("a repetition after everything is back: %v, %v", events, err)
	}
}

func TestReturn_TheNumberOfReturnsIsBounded(t *testing.T) {
	s := completed(t)
	for i := range MaxReturns {
		s.Returns = append(s.Returns, ReturnSeen{ID: fmt.Sprint("r-", i)})
	}
	_, err := Decide(s, Return{ID: "one-more", Lines: []ReturnLine{{1, 1}}})
	wantError(t, err, ErrNotReturnable)
}

func TestRefund_RoundsDownPerLineAndEndsExact(t *testing.T) {
	for _, c := range []struct{ amount, quantity, returned, want int64 }{
		{1_000, 3, 0, 0}, {1_000, 3, 1, 333}, {1_000, 3, 2, 666}, {1_000, 3, 3, 1_000},
		{1, 1_000_000, 999_999, 0}, {1, 1_000_000, 1_000_000, 1},
		{MaxTotal, MaxQuantity, MaxQuantity - 1, MaxTotal - MaxTotal/MaxQuantity},
		{1 << 62, 3, 2, 3_074_457_345_618_258_602}, // beyond 64 bits on the way
		{0, 5, 3, 0}, {10, 0, 1, 0}, {10, 5, 9, 10},
	} {
		if got := refundOf(Line{Amount: c.amount, Quantity: c.quantity, Returned: c.returned}); got != c.want {
			t.Errorf("%d of %d units of %d: %d, want %d", c.returned, c.quantity, c.amount, got, c.want)
		}
	}
}
