package order

import (
	"encoding/json"
	"errors"

	"pgregory.net/rapid"
)

const (
	noon     int64 = 1_750_000_000_000_000 // microseconds
	deadline int64 = noon + 60_000_000
)

// An order as they come: two goods lines and postage, 3,000 in total.
func somePlace() Place {
	return Place{
		ID: "536365", Customer: "17850", Currency: "GBP", PaymentMethod: "pm_card",
		Lines: []Line{
			{SKU: "85123A", Description: "WHITE HANGING HEART T-LIGHT HOLDER", Quantity: 6, Amount: 1_530, Kind: KindGoods},
			{SKU: "71053", Quantity: 3, Amount: 1_000, Kind: KindGoods},
			{SKU: "POST", Quantity: 1, Amount: 470, Kind: KindService},
		},
		Deadline: deadline, At: noon,
	}
}

func decided(t rapid.TB, s State, c Command) State {
	t.Helper()
	events, err := Decide(s, c)
	if err != nil {
		t.Fatalf("%T on %q: %v", c, s.Status, err)
	}
	if len(events) == 0 {
		t.Fatalf("%T on %q decided nothing", c, s.Status)
	}
	return folded(s, events...)
}

func folded(s State, events ...Event) State {
	for _, e := range events {
		s = Evolve(s, e)
	}
	return s
}

// follow lets the order react until it has nothing more to do.
func follow(t rapid.TB, s State, o Observed) (State, error) {
	t.Helper()
	for range 5 {
		c := React(s, o)
		if c == nil {
			return s, nil
		}
		events, err := Decide(s, Stamp(c, noon+1))
		if err != nil {
			return s, err
		}
		if len(events) == 0 {
			t.Fatalf("React asks for %T on %q and Decide sees nothing to do: a loop", c, s.Status)
		}
		s = folded(s, events...)
	}
	t.Fatalf("order %s reacts for ever at %q", s.OrderID, s.Status)
	return s, nil
}

func placed(t rapid.TB) State    { return decided(t, State{}, somePlace()) }
func confirmed(t rapid.TB) State { return decided(t, placed(t), Confirm{At: noon + 1}) }
func completed(t rapid.TB) State { return decided(t, confirmed(t), Complete{At: noon + 2}) }
func cancelled(t rapid.TB) State { return decided(t, placed(t), Cancel{At: noon + 1}) }

func captureRefused(t rapid.TB) State {
	return decided(t, confirmed(t), CancelCaptureRefused{Detail: "insufficient funds", At: noon + 2})
}

func partlyReturned(t rapid.TB) State {
	return decided(t, completed(t), Return{ID: "r-1", Lines: []ReturnLine{{Line: 1, Quantity: 2}}, At: noon + 3})
}

func fullyReturned(t rapid.TB) State {
	return decided(t, completed(t), Return{ID: "r-9", Lines: []ReturnLine{{1, 6}, {2, 3}}, At: noon + 3})
}

// seen builds what the order has observed; an empty status means nothing.
func seen(p PaymentStatus, r ReservationStatus) Observed {
	var o Observed
	if p != "" {
		o.Payment = Payment{Version: 1, Status: p, Reason: "because"}
		if p == PaymentCaptured || p == PaymentRefunded {
			o.Payment.Captured = 3_000
		}
	}
	if r != "" {
		o.Reservation = Reservation{Version: 1, Status: r, Reason: "because"}
	}
	return o
}

func asJSON(t rapid.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func wantError(t rapid.TB, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("got error %v, want %v", err, kind)
	}
}
