package order

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// arrows are the moves of the diagram in the package's doc.
var arrows = map[Status][]Status{
	StatusNone:      {StatusPlaced},
	StatusPlaced:    {StatusConfirmed, StatusCancelled},
	StatusConfirmed: {StatusCompleted, StatusCancelled},
	StatusCompleted: {StatusCompleted, StatusReturned},
	StatusReturned:  {StatusReturned},
}

func anyPlace() *rapid.Generator[Place] {
	return rapid.Custom(func(t *rapid.T) Place {
		c := Place{ID: "o-1", Currency: "EUR", PaymentMethod: "pm", Deadline: deadline, At: noon}
		for range rapid.IntRange(1, 6).Draw(t, "lines") {
			c.Lines = append(c.Lines, Line{
				SKU:      rapid.SampledFrom([]string{"A", "a", "B"}).Draw(t, "sku"),
				Quantity: rapid.OneOf(rapid.Int64Range(1, 7), rapid.Int64Range(1, MaxQuantity)).Draw(t, "quantity"),
				Amount:   rapid.OneOf(rapid.Int64Range(0, 20), rapid.Int64Range(0, MaxTotal/6)).Draw(t, "amount"),
				Kind:     rapid.SampledFrom([]Kind{KindGoods, KindGoods, KindService}).Draw(t, "kind"),
			})
		}
		return c
	})
}

func anyCommand(lines int) *rapid.Generator[Command] {
	return rapid.Custom(func(t *rapid.T) Command {
		at := rapid.Int64Range(noon, deadline+10).Draw(t, "at")
		switch rapid.IntRange(0, 8).Draw(t, "command") {
		case 0:
			return Cancel{At: at}
		case 1:
			return Expire{At: at}
		case 2:
			return Confirm{At: at}
		case 3:
			return Complete{At: at}
		case 4:
			return Reject{Reason: ReasonDeclined, At: at}
		case 5:
			return CancelCaptureRefused{At: at}
		default:
			r := Return{ID: rapid.SampledFrom([]string{"r1", "r2", "r3", "r4", "r5", "r6"}).Draw(t, "id"), At: at}
			for range rapid.IntRange(0, 3).Draw(t, "lines") {
				r.Lines = append(r.Lines, ReturnLine{
					Line:     rapid.Int32Range(0, int32(lines)+1).Draw(t, "line"),
					Quantity: rapid.OneOf(rapid.Int64Range(0, 4), rapid.Int64Range(1, MaxQuantity)).Draw(t, "quantity"),
				})
			}
			return r
		}
	})
}

// Whatever is asked of an order, in whatever order: it moves along the arrows,
// counters only grow and stay within what was bought and paid, a refusal
// changes nothing, and a rebuild gives the same bytes.
func TestProperty_AnOrderKeepsItsPromisesUnderAnyCommands(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		place := anyPlace().Draw(t, "place")
		events, err := Decide(State{}, place)
		if err != nil {
			t.Fatal(err)
		}
		s, history := folded(State{}, events...), events
		commands := []Command{Confirm{At: noon}, Complete{At: noon}}
		if rapid.Bool().Draw(t, "wild") {
			commands = nil
		}
		commands = append(commands, rapid.SliceOfN(anyCommand(len(place.Lines)), 0, 25).Draw(t, "commands")...)
		for _, c := range commands {
			before := asJSON(t, s)
			events, err := Decide(s, c)
			if err != nil && len(events) > 0 {
				t.Fatalf("%T was refused and decided %v", c, events)
			}
			after := folded(s, events...)
			if asJSON(t, s) != before {
				t.Fatalf("%T changed the state it was given", c)
			}
			if len(events) > 0 {
				checkStep(t, s, after)
			}
			s, history = after, append(history, events...)
		}
		checkRebuild(t, history, s)
	})
}

func checkStep(t *rapid.T, before, after State) {
	if !slices.Contains(arrows[before.Status], after.Status) {
		t.Fatalf("from %s to %s", before.Status, after.Status)
	}
	if after.RefundDue < before.RefundDue || after.RefundDue > after.Total {
		t.Fatalf("refund due went from %d to %d of %d", before.RefundDue, after.RefundDue, after.Total)
	}
	everything := true
	for i, l := range after.Lines {
		if l.Returned < before.Lines[i].Returned || l.Returned > l.Quantity {
			t.Fatalf("line %d: %d of %d returned after %d", l.Line, l.Returned, l.Quantity, before.Lines[i].Returned)
		}
		everything = everything && l.Returned == l.Quantity
	}
	if everything && (after.Status != StatusReturned || after.RefundDue != after.Total) {
		t.Fatalf("everything is back and %d of %d is due, status %s", after.RefundDue, after.Total, after.Status)
	}
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

func anyObserved() *rapid.Generator[Observed] {
	return rapid.Custom(func(t *rapid.T) Observed {
		return Observed{
			Payment: Payment{
				Version:  rapid.Int64Range(0, 9).Draw(t, "version"),
				Status:   rapid.SampledFrom([]PaymentStatus{"", PaymentAuthorized, PaymentDeclined, PaymentCaptured, PaymentRefunded, PaymentVoided, "LOST"}).Draw(t, "payment"),
				Captured: rapid.SampledFrom([]int64{0, 3_000}).Draw(t, "captured"),
				Refunded: rapid.SampledFrom([]int64{0, 510, 3_000}).Draw(t, "refunded"),
			},
			Reservation: Reservation{
				Version:   rapid.Int64Range(0, 9).Draw(t, "version"),
				Status:    rapid.SampledFrom([]ReservationStatus{"", ReservationReserved, ReservationRejected, ReservationCommitted, ReservationReleased, ReservationRestocked}).Draw(t, "reservation"),
				Restocked: rapid.Int64Range(0, 9).Draw(t, "restocked"),
			},
		}
	})
}

// Whatever is observed, an order comes to rest, or says that it cannot be.
func TestProperty_ReactReachesAFixpoint(t *testing.T) {
	states := []State{{}, placed(t), confirmed(t), completed(t), cancelled(t), captureRefused(t), partlyReturned(t), fullyReturned(t)}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom(states).Draw(t, "state")
		o := anyObserved().Draw(t, "observed")
		end, err := follow(t, s, o)
		if err != nil && !errors.Is(err, ErrImpossible) {
			t.Fatal(err)
		}
		if err == nil && React(end, o) != nil {
			t.Fatalf("%s is not at rest", end.Status)
		}
	})
}

// The newest record wins, in whatever order and however often records arrive.
func TestProperty_ObservationsAreALattice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		versions := rapid.SliceOfN(rapid.Int64Range(1, 12), 1, 20).Draw(t, "versions")
		statuses := []PaymentStatus{PaymentAuthorized, PaymentCaptured, PaymentRefunded}
		observe := func(versions []int64) Observed {
			var o Observed
			for _, v := range versions {
				before := o
				var fresh bool
				o, fresh = o.WithPayment(Payment{Version: v, Status: statuses[v%3], Captured: v})
				if fresh != (v > before.Payment.Version) || o.Payment.Version < before.Payment.Version {
					t.Fatalf("version %d after %d: fresh %t", v, before.Payment.Version, fresh)
				}
				r := Reservation{Version: v, Restocked: v}
				if o, fresh = o.WithReservation(r); fresh != (v > before.Reservation.Version) {
					t.Fatalf("version %d after %d: fresh %t", v, before.Reservation.Version, fresh)
				}
				if again, fresh := o.WithReservation(r); fresh || again != o {
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
			return rapid.SampledFrom([]Event{
				nil,
				Placed{OrderID: "x", Lines: []Line{{Line: 1, Quantity: n}}, Total: n},
				Confirmed{At: n}, Completed{At: n}, Cancelled{At: n},
				Returned{Lines: []ReturnedLine{{Line: int32(n), Quantity: n, Returned: n}}, RefundDue: n},
				Returned{Lines: []ReturnedLine{{Line: 1, Returned: n}}, Complete: true},
			}).Draw(t, "event")
		})).Draw(t, "events")
		a, b := folded(State{}, events...), folded(State{}, events...)
		if asJSON(t, a) != asJSON(t, b) {
			t.Fatal("the same events gave two states")
		}
	})
}
