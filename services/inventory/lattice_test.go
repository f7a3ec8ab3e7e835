package inventory

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// arrows are the moves of the diagram in the package's doc. A state without any
// absorbs whatever comes.
var arrows = map[Status][]Status{
	StatusNone:      {StatusReserved, StatusRejected, StatusReleased},
	StatusReserved:  {StatusCommitted, StatusReleased},
	StatusCommitted: {StatusRestocked},
}

// Whatever is seen and asked, in whatever order: a reservation moves along the
// arrows only, and what was put back never shrinks.
func TestProperty_AReservationOnlyMovesForward(t *testing.T) {
	statuses := []OrderStatus{OrderPlaced, OrderConfirmed, OrderCompleted, OrderCancelled, OrderReturned}
	rapid.Check(t, func(t *rapid.T) {
		var s State
		var seen Observed
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			c := anyCommand([]string{"A", "B"}).Draw(t, "command")
			if rapid.Bool().Draw(t, "observes") {
				version := seen.Order.Version
				returned := rapid.SliceOfN(rapid.Int64Range(0, 7), 0, 3).Draw(t, "returned")
				record := saw(rapid.SampledFrom(statuses).Draw(t, "status"), returned...).Order
				record.Version = rapid.Int64Range(1, 12).Draw(t, "version")
				seen, _ = seen.WithOrder(record)
				if seen.Order.Version < version {
					t.Fatalf("version %d after %d", seen.Order.Version, version)
				}
				c = React(s, seen)
			}
			stock := rapid.SampledFrom([][]Availability{nil, plenty(), {{SKU: "A", Available: 30}, {SKU: "B", Available: 30}}}).Draw(t, "stock")
			events, err := Decide(s, WithAvailable(c, stock))
			if c == nil || err != nil {
				continue
			}
			for _, e := range events {
				after := Evolve(s, e)
				if after.Status != s.Status && !slices.Contains(arrows[s.Status], after.Status) {
					t.Fatalf("%T takes a reservation from %q to %q", c, s.Status, after.Status)
				}
				for i, l := range s.Lines {
					if after.Lines[i].Restocked < l.Restocked {
						t.Fatalf("%T: line %d has %d back after %d", c, l.Line, after.Lines[i].Restocked, l.Restocked)
					}
				}
				s = after
			}
		}
	})
}

// The totals of a stock item only grow, and the same movement again changes
// nothing.
func TestProperty_StockTotalsOnlyGrow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s StockState
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			n := rapid.Int64Range(1, 12).Draw(t, "quantity")
			id := rapid.SampledFrom([]string{"1", "2", "3", "4", "5", "6", "7", "8"}).Draw(t, "id")
			c := rapid.SampledFrom([]StockCommand{
				Receive{ID: id, SKU: "A", Quantity: n}, WriteOff{ID: id, SKU: "A", Quantity: n}, Hold{OrderID: "o", SKU: "A", Quantity: n},
				Unhold{OrderID: "o", SKU: "A", Quantity: n}, Take{OrderID: "o", SKU: "A", Quantity: n}, PutBack{OrderID: "o", SKU: "A", Quantity: n},
			}).Draw(t, "command")
			events, err := DecideStock(s, c)
			if err != nil {
				continue
			}
			after := foldedStock(s, events...)
			if after.Received < s.Received || after.Committed < s.Committed || after.Restocked < s.Restocked || after.WrittenOff < s.WrittenOff {
				t.Fatalf("%+v: %+v after %+v", c, after, s)
			}
			switch c.(type) {
			case Hold, Unhold, Take, PutBack: // the reservation keeps them from coming again
			case Receive, WriteOff:
				if again, err := DecideStock(after, c); err != nil || len(again) > 0 {
					t.Fatalf("%+v again: %v, %v", c, again, err)
				}
			}
			s = after
		}
	})
}
