package inventory

import (
	"encoding/json"
	"errors"

	"pgregory.net/rapid"
)

const noon int64 = 1_750_000_000_000_000 // microseconds

// An order as they come: line 2 is postage and never gets here, and two lines
// name the same SKU.
func order(version int64, status OrderStatus, returned ...int64) Order {
	o := Order{OrderID: "536365", Version: version, Status: status, Lines: []OrderLine{
		{Line: 1, SKU: "85123A", Quantity: 6}, {Line: 3, SKU: "71053", Quantity: 3}, {Line: 4, SKU: "85123A", Quantity: 2},
	}}
	for i, n := range returned {
		o.Lines[i].Returned = n
	}
	return o
}

func saw(status OrderStatus, returned ...int64) Observed {
	return Observed{Order: order(9, status, returned...)}
}

func plenty() []Availability {
	return []Availability{{SKU: "71053", Available: 100}, {SKU: "85123A", Available: 100}}
}

func folded(s State, events ...Event) State {
	for _, e := range events {
		s = Evolve(s, e)
	}
	return s
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

// follow lets the reservation react until it has nothing more to do.
func follow(t rapid.TB, s State, o Observed, stock []Availability) (State, error) {
	t.Helper()
	for range 5 {
		c := React(s, o)
		if c == nil {
			return s, nil
		}
		events, err := Decide(s, Stamp(WithAvailable(c, stock), noon+1))
		if err != nil {
			return s, err
		}
		if len(events) == 0 {
			t.Fatalf("React asks for %T on %q and Decide sees nothing to do: a loop", c, s.Status)
		}
		s = folded(s, events...)
	}
	t.Fatalf("reservation of order %s reacts for ever at %q", s.OrderID, s.Status)
	return s, nil
}

func followed(t rapid.TB, s State, o Observed) State {
	t.Helper()
	s, err := follow(t, s, o, plenty())
	if err != nil {
		t.Fatalf("%v", err)
	}
	return s
}

func none(rapid.TB) State           { return State{} }
func reserved(t rapid.TB) State     { return followed(t, State{}, saw(OrderPlaced)) }
func committed(t rapid.TB) State    { return followed(t, reserved(t), saw(OrderConfirmed)) }
func released(t rapid.TB) State     { return followed(t, reserved(t), saw(OrderCancelled)) }
func floor(t rapid.TB) State        { return followed(t, State{}, saw(OrderCancelled)) }
func takenBack(t rapid.TB) State    { return followed(t, committed(t), saw(OrderCancelled)) }
func someReturned(t rapid.TB) State { return followed(t, committed(t), saw(OrderCompleted, 2)) }
func allReturned(t rapid.TB) State  { return followed(t, committed(t), saw(OrderReturned, 6, 3, 2)) }

func rejected(t rapid.TB) State {
	t.Helper()
	s, err := follow(t, State{}, saw(OrderPlaced), nil)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return s
}

func asJSON(t rapid.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return string(b)
}

func wantError(t rapid.TB, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("got error %v, want %v", err, kind)
	}
}

// item is a stock item on which all the numbers add up.
func item(onHand, reserved int64) StockState {
	return StockState{SKU: "85123A", OnHand: onHand, Reserved: reserved, Received: onHand}
}

func foldedStock(s StockState, events ...StockEvent) StockState {
	for _, e := range events {
		s = EvolveStock(s, e)
	}
	return s
}

func decidedStock(t rapid.TB, s StockState, c StockCommand) StockState {
	t.Helper()
	events, err := DecideStock(s, c)
	if err != nil {
		t.Fatalf("%T: %v", c, err)
	}
	s = foldedStock(s, events...)
	if err := s.Check(); err != nil {
		t.Fatalf("%v", err)
	}
	return s
}
