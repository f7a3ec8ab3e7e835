package payment

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func anyCommand() *rapid.Generator[Command] {
	return rapid.Custom(func(t *rapid.T) Command {
		amount := rapid.Int64Range(-1, 1_100)
		return rapid.SampledFrom([]Command{
			Authorize{OrderID: "o", Amount: amount.Draw(t, "amount"), Currency: "GBP", Method: "pm"},
			Confirm{}, Capture{}, Void{OrderID: "o", Reason: "x"}, Refund{To: amount.Draw(t, "to")},
			RecordOpened{GatewayID: "pi"}, RecordAuthorized{}, RecordDeclined{}, RecordCaptured{},
			RecordCaptureRefused{}, RecordVoided{}, RecordRefunded{To: amount.Draw(t, "refunded")},
		}).Draw(t, "command")
	})
}

// gateway believes whatever it is asked, once per key.
type gateway struct {
	asked          map[string]bool
	taken, paid    int64
	void, captured bool
}

func (g *gateway) execute(t *rapid.T, s State) {
	c, ok := s.Pending()
	if !ok || g.asked[c.Key] {
		return
	}
	g.asked[c.Key] = true
	switch c.Kind {
	case KindCapture:
		g.captured = true
		g.taken += c.Amount
	case KindVoid:
		g.void = true
	case KindRefund:
		g.paid += c.Amount
	case KindCreate, KindConfirm, KindNone:
	}
	if c.Amount <= 0 || g.paid > g.taken {
		t.Fatalf("%s: %d taken, %d paid back", c.Key, g.taken, g.paid)
	}
}

// Whatever is asked and answered, in whatever order: one command in flight,
// refunded never above captured never above the amount, counters only grow, a
// refusal changes nothing, and a rebuild gives the same bytes.
func TestProperty_MoneyStaysWithinItsBoundsUnderAnyCommands(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var history []Event
		s, g := State{}, gateway{asked: map[string]bool{}}
		commands := rapid.SliceOfN(anyCommand(), 0, 60).Draw(t, "commands")
		if rapid.Bool().Draw(t, "captured first") {
			commands = append([]Command{
				Authorize{OrderID: "o", Amount: 1_000, Currency: "GBP"}, RecordOpened{GatewayID: "pi"},
				Confirm{}, RecordAuthorized{}, Capture{}, RecordCaptured{},
			}, commands...)
		}
		for _, c := range commands {
			events, err := Decide(s, c)
			if err != nil && len(events) > 0 {
				t.Fatalf("%T was refused and decided %v", c, events)
			}
			after := folded(s, events...)
			if s.InFlight.Kind != KindNone && after.InFlight.Kind != KindNone && after.InFlight != s.InFlight {
				t.Fatalf("%T put %v in flight beside %v", c, after.InFlight, s.InFlight)
			}
			if after.Captured < s.Captured || after.Refunded < s.Refunded || after.Refunded > after.Captured || after.Captured > max(after.Amount, 0) {
				t.Fatalf("%T: amount %d, captured %d, refunded %d", c, after.Amount, after.Captured, after.Refunded)
			}
			if (after.Status == StatusRefunded) != (after.Refunded > 0 && after.Refunded == after.Captured) {
				t.Fatalf("%s with %d of %d refunded", after.Status, after.Refunded, after.Captured)
			}
			s, history = after, append(history, events...)
			g.execute(t, s)
		}
		if s.Status == StatusVoided && s.Captured > 0 {
			t.Fatal("voided what was captured")
		}
		checkRebuild(t, history, s)
	})
}

// checkRebuild stores the events and the states on the way as a store does.
func checkRebuild(t *rapid.T, history []Event, want State) {
	var s State
	for _, e := range history {
		name, schema, data, err := EncodeEvent(e)
		if err != nil {
			t.Fatal(err)
		}
		stored, err := DecodeEvent(name, schema, data)
		if err != nil {
			t.Fatal(err)
		}
		var loaded State
		if err := json.Unmarshal([]byte(asJSON(t, s)), &loaded); err != nil {
			t.Fatal(err)
		}
		s = Evolve(loaded, stored)
	}
	if asJSON(t, s) != asJSON(t, want) {
		t.Fatalf("rebuilt:\n%s\nkept:\n%s", asJSON(t, s), asJSON(t, want))
	}
}

// Whatever is observed, a payment comes to rest, or says that it cannot be.
func TestProperty_ReactReachesAFixpoint(t *testing.T) {
	states := []State{
		{}, creating(t), confirming(t), authorized(t), capturing(t), voiding(t), voidingRefused(t), declined(t),
		floor(t), voided(t), voidedRefused(t), captured(t), refunding(t, 300), refunded(t, 300), refundedAll(t),
	}
	statuses := []OrderStatus{OrderPlaced, OrderConfirmed, OrderCompleted, OrderCancelled, OrderReturned, "LOST"}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom(states).Draw(t, "state")
		o := Observed{Order: order(
			rapid.Int64Range(1, 9).Draw(t, "version"),
			rapid.SampledFrom(statuses).Draw(t, "status"),
			rapid.SampledFrom([]int64{0, 300, 999, 1_000, 1_001}).Draw(t, "due"))}
		o.Order.Total = rapid.SampledFrom([]int64{0, 1_000}).Draw(t, "total")
		end, err := follow(t, s, o)
		if err != nil && !errors.Is(err, ErrImpossible) {
			t.Fatal(err)
		}
		if err == nil && React(end, o) != nil {
			t.Fatalf("%s is not at rest", standing(end))
		}
	})
}

// The newest record wins, in whatever order and however often records arrive.
func TestProperty_ObservationsAreALattice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		versions := rapid.SliceOfN(rapid.Int64Range(1, 12), 1, 20).Draw(t, "versions")
		statuses := []OrderStatus{OrderPlaced, OrderConfirmed, OrderCompleted}
		observe := func(versions []int64) Observed {
			var o Observed
			for _, v := range versions {
				before, record := o, order(v, statuses[v%3], v)
				var fresh bool
				o, fresh = o.WithOrder(record)
				if fresh != (v > before.Order.Version) || o.Order.Version < before.Order.Version {
					t.Fatalf("version %d after %d: fresh %t", v, before.Order.Version, fresh)
				}
				if again, fresh := o.WithOrder(record); fresh || again != o {
					t.Fatal("the same record counted twice")
				}
			}
			return o
		}
		want := observe([]int64{slices.Max(versions)})
		if got := observe(versions); got != want {
			t.Fatalf("got %+v, want %+v", got, want)
		}
		if got := observe(rapid.Permutation(versions).Draw(t, "shuffled")); got != want {
			t.Fatalf("shuffled: got %+v, want %+v", got, want)
		}
	})
}

// What has happened is applied, however little sense it makes.
func TestProperty_EvolveIsTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOf(rapid.Custom(func(t *rapid.T) Event {
			n := rapid.Int64Range(math.MinInt64, math.MaxInt64).Draw(t, "n")
			return rapid.SampledFrom(append(recordedEvents(), nil, Captured{Amount: n}, Refunded{From: n, To: -n},
				RefundRequested{From: n, To: n}, Authorized{Amount: n})).Draw(t, "event")
		})).Draw(t, "events")
		a, b := folded(State{}, events...), folded(State{}, events...)
		if asJSON(t, a) != asJSON(t, b) {
			t.Fatal("the same events gave two states")
		}
		a.Pending()
	})
}
