package order

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestPlace_OpensAnOrderWithNumberedLines(t *testing.T) {
	s := placed(t)
	if s.Status != StatusPlaced || s.Total != 3_000 || s.UpdatedAt != noon || s.LastEvent != "Placed" {
		t.Fatalf("got %s", asJSON(t, s))
	}
	for i, l := range s.Lines {
		if int(l.Line) != i+1 {
			t.Errorf("line at position %d has number %d", i, l.Line)
		}
	}
}

func TestPlace_LeavesTheCallersLinesAlone(t *testing.T) {
	c := somePlace()
	decided(t, State{}, c)
	if c.Lines[0].Line != 0 {
		t.Fatal("Decide wrote into the command")
	}
}

func TestPlace_RefusesASecondOrderUnderOneID(t *testing.T) {
	for _, s := range []State{placed(t), confirmed(t), cancelled(t)} {
		_, err := Decide(s, somePlace())
		wantError(t, err, ErrAlreadyPlaced)
		wantError(t, err, ErrRefused)
	}
}

func TestPlace_ChecksEveryField(t *testing.T) {
	for field, spoil := range map[string]func(*Place){
		"id":                   func(c *Place) { c.ID = "a/b" },
		"customer":             func(c *Place) { c.Customer = strings.Repeat("x", MaxID+1) },
		"currency":             func(c *Place) { c.Currency = "GB " },
		"at":                   func(c *Place) { c.At = 0 },
		"deadline":             func(c *Place) { c.Deadline = c.At },
		"payment_method":       func(c *Place) { c.PaymentMethod = "" },
		"lines":                func(c *Place) { c.Lines = nil },
		"lines[0].line":        func(c *Place) { c.Lines[0].Line = 2 },
		"lines[0].sku":         func(c *Place) { c.Lines[0].SKU = strings.Repeat("é", MaxSKU+1) },
		"lines[1].sku":         func(c *Place) { c.Lines[1].SKU = "\xff" },
		"lines[2].sku":         func(c *Place) { c.Lines[2].SKU = "a\nb" },
		"lines[0].description": func(c *Place) { c.Lines[0].Description = strings.Repeat("x", MaxDescription+1) },
		"lines[0].quantity":    func(c *Place) { c.Lines[0].Quantity = 0 },
		"lines[1].quantity":    func(c *Place) { c.Lines[1].Quantity = MaxQuantity + 1 },
		"lines[0].amount":      func(c *Place) { c.Lines[0].Amount = -1 },
		"lines[1].amount":      func(c *Place) { c.Lines[1].Amount = MaxTotal + 1 },
		"lines[0].kind":        func(c *Place) { c.Lines[0].Kind = "" },
		"lines[0].returned":    func(c *Place) { c.Lines[0].Returned = 1 },
	} {
		t.Run(field, func(t *testing.T) {
			c := somePlace()
			spoil(&c)
			_, err := Decide(State{}, c)
			wantError(t, err, ErrInvalid)
			var fault *FieldError
			if !errors.As(err, &fault) || fault.Field != field {
				t.Fatalf("got %v, want a fault of %s", err, field)
			}
		})
	}
}

func TestPlace_ReportsAllFaultsAtOnceUpToABound(t *testing.T) {
	c := somePlace()
	c.Currency, c.ID = "XXX", ""
	c.Lines = make([]Line, MaxLines)
	_, err := Decide(State{}, c)
	var invalid *InvalidError
	if !errors.As(err, &invalid) || len(invalid.Fields) != maxFieldErrors {
		t.Fatalf("got %v", err)
	}
	if invalid.Fields[0].Field != "id" || invalid.Fields[1].Field != "currency" {
		t.Fatalf("the first faults are missing: %v", err)
	}
}

func TestPlace_KeepsToItsBounds(t *testing.T) {
	full := somePlace()
	full.Lines = make([]Line, MaxLines)
	for i := range full.Lines {
		full.Lines[i] = Line{SKU: "A", Quantity: MaxQuantity, Amount: MaxTotal / MaxLines, Kind: KindGoods}
	}
	if s := decided(t, State{}, full); s.Total != MaxTotal {
		t.Fatalf("total is %d", s.Total)
	}
	over := full
	over.Lines = append(over.Lines[:MaxLines-1:MaxLines-1], Line{SKU: "A", Quantity: 1, Amount: MaxTotal, Kind: KindGoods})
	_, err := Decide(State{}, over)
	wantError(t, err, ErrInvalid)

	more := full
	more.Lines = append(more.Lines[:MaxLines:MaxLines], full.Lines[0])
	_, err = Decide(State{}, more)
	wantError(t, err, ErrInvalid)
}

func TestPlace_AllowsATotalOfZeroWithoutAPaymentMethod(t *testing.T) {
	c := somePlace()
	c.PaymentMethod, c.Customer = "", ""
	for i := range c.Lines {
		c.Lines[i].Amount = 0
	}
	if s := decided(t, State{}, c); s.Total != 0 {
		t.Fatalf("total is %d", s.Total)
	}
}

func TestPlace_KnowsTheCurrencies(t *testing.T) {
	for _, code := range []string{"GBP", "EUR", "JPY", "ZWG", "AED"} {
		if !knownCurrency(code) {
			t.Errorf("%s is active", code)
		}
	}
	for _, code := range []string{"", "gbp", "XXX", "XAU", "DEM", "GB", "P E", "GBP EUR"} {
		if knownCurrency(code) {
			t.Errorf("%q is no active code", code)
		}
	}
	for _, code := range strings.Fields(currencies) {
		if len(code) != 3 || strings.Count(currencies, code) != 1 {
			t.Errorf("%q is malformed or listed twice", code)
		}
	}
}

func TestCancel_OnlyBeforeTheOrderIsConfirmed(t *testing.T) {
	s := decided(t, placed(t), Cancel{Reason: "changed my mind", At: noon + 1})
	if s.Status != StatusCancelled || s.CancelReason != ReasonCustomer || s.CancelDetail != "changed my mind" {
		t.Fatalf("got %s", asJSON(t, s))
	}
	for _, late := range []State{confirmed(t), completed(t), fullyReturned(t)} {
		_, err := Decide(late, Cancel{At: noon + 9})
		wantError(t, err, ErrNotCancellable)
	}
	_, err := Decide(placed(t), Cancel{Reason: strings.Repeat("x", MaxReason+1)})
	wantError(t, err, ErrInvalid)
}

func TestExpire_OnlyWhenDueAndStillPlaced(t *testing.T) {
	_, err := Decide(placed(t), Expire{At: deadline - 1})
	wantError(t, err, ErrNotDue)
	if s := decided(t, placed(t), Expire{At: deadline}); s.CancelReason != ReasonExpired {
		t.Fatalf("got %s", asJSON(t, s))
	}
	for _, s := range []State{confirmed(t), completed(t), cancelled(t), fullyReturned(t)} {
		if events, err := Decide(s, Expire{At: deadline}); err != nil || len(events) > 0 {
			t.Errorf("a deadline did %v (%v) to an order that is %s", events, err, s.Status)
		}
	}
}

func TestDecide_KnowsNothingOfAnUnknownOrder(t *testing.T) {
	for _, c := range []Command{Cancel{}, Return{}, Expire{At: deadline}, Confirm{}, Complete{}, Reject{}, CancelCaptureRefused{}} {
		_, err := Decide(State{}, c)
		wantError(t, err, ErrUnknown)
	}
	_, err := Decide(State{}, nil)
	wantError(t, err, ErrUnknown)
	if _, err = Decide(placed(t), nil); err == nil {
		t.Error("no command is no error")
	}
}

func TestDecide_RepeatedInternalCommandsChangeNothing(t *testing.T) {
	for _, c := range []struct {
		state   State
		command Command
	}{
		{confirmed(t), Confirm{}},
		{completed(t), Confirm{}},
		{completed(t), Complete{}},
		{fullyReturned(t), Complete{}},
		{cancelled(t), Cancel{}},
		{cancelled(t), Reject{Reason: ReasonDeclined}},
		{captureRefused(t), CancelCaptureRefused{}},
	} {
		events, err := Decide(c.state, c.command)
		if err != nil || len(events) > 0 {
			t.Errorf("%T on %s: %v, %v", c.command, c.state.Status, events, err)
		}
	}
}

func TestDecide_InternalCommandsOutOfPlaceAreImpossible(t *testing.T) {
	for _, c := range []struct {
		state   State
		command Command
	}{
		{placed(t), Complete{}},
		{cancelled(t), Confirm{}},
		{cancelled(t), Complete{}},
		{confirmed(t), Reject{Reason: ReasonDeclined}},
		{placed(t), CancelCaptureRefused{}},
		{completed(t), CancelCaptureRefused{}},
		{placed(t), Contradict{Detail: "x"}},
		{State{}, Contradict{Detail: "x"}},
	} {
		_, err := Decide(c.state, c.command)
		if !errors.Is(err, ErrImpossible) {
			t.Errorf("%T on %s: %v", c.command, c.state.Status, err)
		}
	}
}

func TestStamp_SetsTheMomentOfEveryCommand(t *testing.T) {
	for _, c := range []Command{Place{}, Cancel{}, Return{}, Expire{}, Confirm{}, Complete{}, Reject{}, CancelCaptureRefused{}} {
		if got := Stamp(c, 77); !strings.Contains(fmt.Sprintf("%+v", got), "At:77") {
			t.Errorf("%T is not stamped: %+v", c, got)
		}
	}
	if Stamp(nil, 77) != nil {
		t.Error("nil did not stay nil")
	}
	if got := Stamp(Contradict{Detail: "x"}, 77); got != (Contradict{Detail: "x"}) {
		t.Errorf("got %+v", got)
	}
}
