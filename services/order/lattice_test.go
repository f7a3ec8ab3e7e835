package order

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// What is seen of payments and of reservations are two lattices side by side:
// however their records are mixed, repeated or left out, the newest of each is
// what remains, and on the way neither ever goes back.
func TestProperty_TopicsDoNotDisturbEachOther(t *testing.T) {
	versions := rapid.SliceOfN(rapid.Int64Range(1, 9), 0, 8)
	rapid.Check(t, func(t *rapid.T) {
		payments, reservations := versions.Draw(t, "payments"), versions.Draw(t, "reservations")
		type record struct {
			version int64
			payment bool
		}
		var mixed []record
		for _, v := range payments {
			mixed = append(mixed, record{v, true})
		}
		for _, v := range reservations {
			mixed = append(mixed, record{v, false})
		}
		var o Observed
		for _, r := range rapid.Permutation(slices.Concat(mixed, mixed)).Draw(t, "order of arrival") {
			before := o
			if r.payment {
				o, _ = o.WithPayment(Payment{Version: r.version, Captured: r.version})
			} else {
				o, _ = o.WithReservation(Reservation{Version: r.version, Restocked: r.version})
			}
			if o.Payment.Version < before.Payment.Version || o.Reservation.Version < before.Reservation.Version {
				t.Fatalf("%+v went back to %+v", before, o)
			}
		}
		newest := func(versions []int64) int64 { return slices.Max(append(versions, 0)) }
		p, r := newest(payments), newest(reservations)
		want := Observed{Payment: Payment{Version: p, Captured: p}, Reservation: Reservation{Version: r, Restocked: r}}
		if o != want {
			t.Fatalf("got %+v, want %+v", o, want)
		}
	})
}

// An order that follows what it sees moves along the arrows only, and what it
// has seen and done once it does not do again.
func TestProperty_ReactionsOnlyMoveForward(t *testing.T) {
	states := []State{placed(t), confirmed(t), completed(t), cancelled(t), captureRefused(t), partlyReturned(t), fullyReturned(t)}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom(states).Draw(t, "state")
		var seen Observed
		for _, o := range rapid.SliceOfN(anyObserved(), 1, 8).Draw(t, "observations") {
			seen, _ = seen.WithPayment(o.Payment)
			seen, _ = seen.WithReservation(o.Reservation)
			for c := React(s, seen); c != nil; c = React(s, seen) {
				events, err := Decide(s, c)
				if err != nil {
					break // an observation that cannot be true changes nothing
				}
				for _, e := range events {
					after := Evolve(s, e)
					if !slices.Contains(arrows[s.Status], after.Status) {
						t.Fatalf("%T takes an order from %s to %s", c, s.Status, after.Status)
					}
					s = after
				}
			}
		}
	})
}
