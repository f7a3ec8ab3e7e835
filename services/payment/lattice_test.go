package payment

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// arrows are the moves of the diagram in the package's doc. A state without any
// absorbs whatever comes.
var arrows = map[Status][]Status{
	StatusNone:        {StatusAuthorizing, StatusAuthorized, StatusVoided},
	StatusAuthorizing: {StatusAuthorized, StatusDeclined, StatusVoided},
	StatusAuthorized:  {StatusCaptured, StatusVoided},
	StatusCaptured:    {StatusRefunded},
}

// Whatever is seen, asked and answered, in whatever order: a payment moves along
// the arrows only, and its amounts never shrink.
func TestProperty_APaymentOnlyMovesForward(t *testing.T) {
	statuses := []OrderStatus{OrderPlaced, OrderConfirmed, OrderCompleted, OrderCancelled, OrderReturned}
	rapid.Check(t, func(t *rapid.T) {
		var s State
		var seen Observed
		step := func(c Command) {
			events, err := Decide(s, c)
			if err != nil {
				return
			}
			for _, e := range events {
				after := Evolve(s, e)
				if after.Status != s.Status && !slices.Contains(arrows[s.Status], after.Status) {
					t.Fatalf("%T takes a payment from %q to %q", c, s.Status, after.Status)
				}
				if after.Captured < s.Captured || after.Refunded < s.Refunded {
					t.Fatalf("%T: captured %d after %d, refunded %d after %d", c, after.Captured, s.Captured, after.Refunded, s.Refunded)
				}
				s = after
			}
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "observes") {
				version := seen.Order.Version
				seen, _ = seen.WithOrder(order(
					rapid.Int64Range(1, 12).Draw(t, "version"), rapid.SampledFrom(statuses).Draw(t, "status"),
					rapid.SampledFrom([]int64{0, 300, 1_000}).Draw(t, "due")))
				if seen.Order.Version < version {
					t.Fatalf("version %d after %d", seen.Order.Version, version)
				}
				if c := React(s, seen); c != nil {
					step(c)
				}
				continue
			}
			step(anyCommand().Draw(t, "command"))
		}
	})
}
