package payment

import (
	"encoding/json"
	"errors"

	"pgregory.net/rapid"
)

const noon int64 = 1_750_000_000_000_000 // microseconds

func order(version int64, status OrderStatus, refundDue int64) Order {
	return Order{
		OrderID: "536365", Version: version, Status: status,
		Total: 1_000, Currency: "GBP", Method: "pm_card", RefundDue: refundDue,
	}
}

func saw(status OrderStatus) Observed { return Observed{Order: order(9, status, 0)} }

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

// follow lets the payment react until it has nothing more to do now.
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
	t.Fatalf("payment of order %s reacts for ever at %q", s.OrderID, s.Status)
	return s, nil
}

// answered records an outcome of the gateway and lets the payment react.
func answered(t rapid.TB, s State, o Observed, outcome Command) State {
	t.Helper()
	s, err := follow(t, decided(t, s, outcome), o)
	if err != nil {
		t.Fatalf("after %T: %v", outcome, err)
	}
	return s
}

func followed(t rapid.TB, s State, o Observed) State {
	t.Helper()
	s, err := follow(t, s, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func creating(t rapid.TB) State { return followed(t, State{}, saw(OrderPlaced)) }
func confirming(t rapid.TB) State {
	return answered(t, creating(t), saw(OrderPlaced), RecordOpened{GatewayID: "pi_1"})
}
func authorized(t rapid.TB) State {
	return answered(t, confirming(t), saw(OrderPlaced), RecordAuthorized{At: noon + 2})
}
func declined(t rapid.TB) State {
	return answered(t, confirming(t), saw(OrderPlaced), RecordDeclined{Reason: "stolen card"})
}
func capturing(t rapid.TB) State { return followed(t, authorized(t), saw(OrderConfirmed)) }
func captured(t rapid.TB) State {
	return answered(t, capturing(t), saw(OrderConfirmed), RecordCaptured{At: noon + 3})
}
func voidingRefused(t rapid.TB) State {
	return answered(t, capturing(t), saw(OrderConfirmed), RecordCaptureRefused{Reason: "insufficient funds"})
}
func voidedRefused(t rapid.TB) State {
	return answered(t, voidingRefused(t), saw(OrderConfirmed), RecordVoided{At: noon + 4})
}
func voiding(t rapid.TB) State { return followed(t, authorized(t), saw(OrderCancelled)) }
func voided(t rapid.TB) State {
	return answered(t, voiding(t), saw(OrderCancelled), RecordVoided{At: noon + 4})
}
func floor(t rapid.TB) State { return followed(t, State{}, saw(OrderCancelled)) }
func refunding(t rapid.TB, to int64) State {
	return followed(t, captured(t), Observed{Order: order(9, OrderCompleted, to)})
}
func refunded(t rapid.TB, to int64) State {
	return answered(t, refunding(t, to), Observed{Order: order(9, OrderCompleted, to)}, RecordRefunded{To: to, At: noon + 5})
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

// standing is a state in a few words: its status and what is in flight.
func standing(s State) string {
	text := string(s.Status)
	if text == "" {
		text = "none"
	}
	if c, ok := s.Pending(); ok {
		text += " " + c.Key
	}
	return text
}

func wantIgnored(t rapid.TB, s State, c Command) {
	t.Helper()
	if events, err := Decide(s, c); err != nil || len(events) > 0 {
		t.Fatalf("%+v on %s: %v, %v", c, standing(s), events, err)
	}
}
