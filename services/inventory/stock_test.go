package inventory

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestStock_MovesUnitsBetweenShelfAndOrders(t *testing.T) {
	s := decidedStock(t, StockState{}, Receive{ID: "r-1", SKU: "85123A", Quantity: 10, At: noon})
	s = decidedStock(t, s, Hold{OrderID: "1", SKU: "85123A", Quantity: 8, At: noon + 1})
	if s.Available() != 2 || s.OnHand != 10 || s.Reserved != 8 {
		t.Fatalf("after hold: %+v", s)
	}
	s = decidedStock(t, s, Unhold{OrderID: "1", SKU: "85123A", Quantity: 3, At: noon + 2})
	s = decidedStock(t, s, Take{OrderID: "1", SKU: "85123A", Quantity: 5, At: noon + 3})
	if s.Available() != 5 || s.OnHand != 5 || s.Reserved != 0 || s.Committed != 5 {
		t.Fatalf("after take: %+v", s)
	}
	s = decidedStock(t, s, PutBack{OrderID: "1", SKU: "85123A", Quantity: 4, At: noon + 4})
	s = decidedStock(t, s, WriteOff{ID: "w-1", SKU: "85123A", Quantity: 9, Reason: "flood", At: noon + 5})
	if s.Available() != 0 || s.Restocked != 4 || s.WrittenOff != 9 || s.UpdatedAt != noon+5 || s.LastEvent != "StockWrittenOff" {
		t.Fatalf("at the end: %+v", s)
	}
}

func TestStock_TheSameMovementAgainChangesNothing(t *testing.T) {
	receive := Receive{ID: "file-1/85123A", SKU: "85123A", Quantity: 10}
	writeOff := WriteOff{ID: "w-1", SKU: "85123A", Quantity: 10}
	s := decidedStock(t, decidedStock(t, StockState{}, receive), writeOff)
	for _, c := range []StockCommand{receive, writeOff} {
		if events, err := DecideStock(s, c); err != nil || len(events) > 0 {
			t.Fatalf("%+v: %v, %v", c, events, err)
		}
	}
	for _, c := range []StockCommand{
		Receive{ID: "file-1/85123A", SKU: "85123A", Quantity: 11},
		Receive{ID: "w-1", SKU: "85123A", Quantity: 10},
		WriteOff{ID: "w-1", SKU: "85123A", Quantity: 9},
	} {
		_, err := DecideStock(s, c)
		wantError(t, err, ErrMovementConflict)
	}
}

func TestStock_RemembersABoundedNumberOfMovements(t *testing.T) {
	var s StockState
	for i := range RememberedMovements + 5 {
		s = decidedStock(t, s, Receive{ID: fmt.Sprint("r-", i), SKU: "A", Quantity: 1})
	}
	if len(s.Movements) != RememberedMovements || s.Movements[0].ID != "r-5" {
		t.Fatalf("%d movements, the oldest is %s", len(s.Movements), s.Movements[0].ID)
	}
}

func TestStock_NeverPromisesWhatIsNotThere(t *testing.T) {
	_, err := DecideStock(item(10, 7), Hold{SKU: "85123A", Quantity: 4})
	wantError(t, err, ErrInsufficient)
	wantError(t, err, ErrRefused)
	for _, c := range []StockCommand{
		Unhold{SKU: "85123A", Quantity: 8}, Take{SKU: "85123A", Quantity: 8}, PutBack{SKU: "85123A", Quantity: 1},
	} {
		_, err := DecideStock(item(10, 7), c)
		wantError(t, err, ErrImpossible)
	}
}

func TestStock_ChecksItsFields(t *testing.T) {
	for name, c := range map[string]StockCommand{
		"no id":             Receive{SKU: "A", Quantity: 1},
		"a long id":         Receive{ID: strings.Repeat("x", MaxID+1), SKU: "A", Quantity: 1},
		"no SKU":            Receive{ID: "1", Quantity: 1},
		"no quantity":       Receive{ID: "1", SKU: "A"},
		"negative quantity": WriteOff{ID: "1", SKU: "A", Quantity: -1},
		"vast quantity":     Receive{ID: "1", SKU: "A", Quantity: math.MaxInt64},
		"a long reason":     WriteOff{ID: "1", SKU: "A", Quantity: 1, Reason: strings.Repeat("x", MaxReason+1)},
		"hold nothing":      Hold{SKU: "A"},
		"take less":         Take{SKU: "A", Quantity: -1},
		"hold negative":     Hold{SKU: "A", Quantity: math.MinInt64},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := DecideStock(item(10, 5), c)
			wantError(t, err, ErrInvalid)
		})
	}
	_, err := DecideStock(item(MaxOnHand, 0), Receive{ID: "1", SKU: "A", Quantity: 1})
	wantError(t, err, ErrOverfull)
	if _, err := DecideStock(item(1, 0), nil); err == nil {
		t.Error("no command is no error")
	}
}

func TestStock_CheckFindsNumbersThatDoNotAddUp(t *testing.T) {
	if err := item(10, 10).Check(); err != nil {
		t.Error(err)
	}
	for _, s := range []StockState{
		{OnHand: 1}, {OnHand: 1, Received: 1, Reserved: 2}, {OnHand: 1, Received: 1, Reserved: -1},
		{OnHand: -1, Committed: 1}, {OnHand: 1, Restocked: 1},
	} {
		if err := s.Check(); !errors.Is(err, ErrImpossible) {
			t.Errorf("%+v: %v", s, err)
		}
	}
}
