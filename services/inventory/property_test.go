package inventory

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Many orders compete for few units, and move at random: stock is conserved,
// never oversold, and what stock items hold and have given is what the
// reservations say.
func TestProperty_StockIsConservedUnderRandomCommands(t *testing.T) {
	skus := []string{"A", "B", "a"}
	rapid.Check(t, func(t *rapid.T) {
		reservations := make([]State, 4)
		stock := map[string]StockState{}
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			sku := rapid.SampledFrom(skus).Draw(t, "sku")
			n := rapid.Int64Range(1, 12).Draw(t, "quantity")
			switch id := string(rune('0' + i)); rapid.IntRange(0, 9).Draw(t, "step") {
			case 0, 1:
				stock[sku] = attempt(t, stock[sku], Receive{ID: id, SKU: sku, Quantity: n})
			case 2:
				stock[sku] = attempt(t, stock[sku], WriteOff{ID: id, SKU: sku, Quantity: n})
			default:
				r := rapid.IntRange(0, len(reservations)-1).Draw(t, "reservation")
				c := anyCommand(skus).Draw(t, "command")
				reservations[r] = apply(t, reservations[r], c, stock)
			}
		}
		for _, sku := range skus {
			var held, gone int64
			for _, r := range reservations {
				for _, l := range r.Lines {
					switch {
					case l.SKU != sku:
					case r.Status == StatusReserved:
						held += l.Quantity
					case r.Status == StatusCommitted || r.Status == StatusRestocked:
						gone += l.Quantity - l.Restocked
					}
				}
			}
			s := stock[sku]
			if s.Reserved != held || s.Committed-s.Restocked != gone || s.OnHand != s.Received-s.WrittenOff-gone {
				t.Fatalf("%s: %+v, reservations hold %d and have %d", sku, s, held, gone)
			}
		}
	})
}

func anyCommand(skus []string) *rapid.Generator[Command] {
	return rapid.Custom(func(t *rapid.T) Command {
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0, 1:
			c := Reserve{OrderID: "o"}
			for i := range rapid.IntRange(0, 4).Draw(t, "lines") {
				c.Lines = append(c.Lines, Line{
					Line: int32(2*i + 1), SKU: rapid.SampledFrom(skus).Draw(t, "sku"), Quantity: rapid.Int64Range(1, 6).Draw(t, "quantity"),
				})
			}
			return c
		case 2:
			return Commit{}
		case 3:
			return Release{OrderID: "o", Reason: ReasonOrderCancelled}
		case 4:
			return RestockAll{Reason: ReasonOrderCancelled}
		default:
			c := Restock{}
			for range rapid.IntRange(0, 3).Draw(t, "lines") {
				c.Lines = append(c.Lines, ReturnedLine{
					Line: rapid.Int32Range(0, 8).Draw(t, "line"), Returned: rapid.Int64Range(-1, 7).Draw(t, "returned"),
				})
			}
			return c
		}
	})
}

// attempt applies a stock command, or leaves the item when it is refused.
func attempt(t *rapid.T, s StockState, c StockCommand) StockState {
	t.Helper()
	events, err := DecideStock(s, c)
	if err != nil {
		if !errors.Is(err, ErrInsufficient) {
			t.Fatalf("%v", err)
		}
		return s
	}
	after := foldedStock(s, events...)
	if err := after.Check(); err != nil || after.Available() < 0 {
		t.Fatalf("%T: %v", c, err)
	}
	return after
}

// apply runs a command as one commit over a reservation and its stock.
func apply(t *rapid.T, s State, c Command, stock map[string]StockState) State {
	t.Helper()
	locked := SKUs(s, c)
	if !slices.IsSorted(locked) {
		t.Fatalf("locks out of order: %v", locked)
	}
	var available []Availability
	for _, sku := range locked {
		available = append(available, Availability{SKU: sku, Available: stock[sku].Available()})
	}
	before := asJSON(t, s)
	events, err := Decide(s, WithAvailable(c, available))
	if err != nil {
		return s
	}
	effects := StockEffects(s, events)
	for i, effect := range effects {
		if i > 0 && effects[i-1].SKU >= effect.SKU || !slices.Contains(locked, effect.SKU) {
			t.Fatalf("effects %+v with %v locked", effects, locked)
		}
		decided, err := DecideStock(stock[effect.SKU], effect.Command)
		if err != nil {
			t.Fatalf("a decided reservation cannot be carried out: %v", err)
		}
		stock[effect.SKU] = foldedStock(stock[effect.SKU], decided...)
	}
	after := folded(s, events...)
	if asJSON(t, s) != before {
		t.Fatalf("%T changed the state it was given", c)
	}
	checkRebuild(t, s, after, events)
	return after
}

// checkRebuild stores the events and the state before them as a store does.
func checkRebuild(t *rapid.T, before, want State, events []Event) {
	t.Helper()
	var s State
	if err := json.Unmarshal([]byte(asJSON(t, before)), &s); err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		name, schema, data, err := EncodeEvent(e)
		if err != nil {
			t.Fatal(err)
		}
		stored, err := DecodeEvent(name, schema, data)
		if err != nil {
			t.Fatal(err)
		}
		s = Evolve(s, stored)
	}
	if asJSON(t, s) != asJSON(t, want) {
		t.Fatalf("rebuilt:\n%s\nkept:\n%s", asJSON(t, s), asJSON(t, want))
	}
	for i, l := range want.Lines {
		if l.Restocked > l.Quantity || i < len(before.Lines) && l.Restocked < before.Lines[i].Restocked {
			t.Fatalf("line %d: %d of %d back", l.Line, l.Restocked, l.Quantity)
		}
	}
}

// Whatever is observed, a reservation comes to rest, or says that it cannot be.
func TestProperty_ReactReachesAFixpoint(t *testing.T) {
	states := []State{
		{}, reserved(t), rejected(t), committed(t), someReturned(t), allReturned(t), released(t), floor(t), takenBack(t),
	}
	statuses := []OrderStatus{OrderPlaced, OrderConfirmed, OrderCompleted, OrderCancelled, OrderReturned, "LOST"}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom(states).Draw(t, "state")
		o := saw(rapid.SampledFrom(statuses).Draw(t, "status"), rapid.SliceOfN(rapid.Int64Range(0, 7), 0, 3).Draw(t, "returned")...)
		end, err := follow(t, s, o, rapid.SampledFrom([][]Availability{nil, plenty()}).Draw(t, "stock"))
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
				if again, fresh := o.WithOrder(record); fresh || asJSON(t, again) != asJSON(t, o) {
					t.Fatal("the same record counted twice")
				}
			}
			return o
		}
		want := asJSON(t, observe([]int64{slices.Max(versions)}))
		if got := asJSON(t, observe(versions)); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		if got := asJSON(t, observe(rapid.Permutation(versions).Draw(t, "shuffled"))); got != want {
			t.Fatalf("shuffled: got %s, want %s", got, want)
		}
	})
}

// What has happened is applied, however little sense it makes.
func TestProperty_EvolveIsTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(math.MinInt64, math.MaxInt64)
		events := rapid.SliceOf(rapid.Custom(func(t *rapid.T) Event {
			n := n.Draw(t, "n")
			return rapid.SampledFrom(append(recordedEvents(), nil,
				Restocked{Lines: []RestockedLine{{Line: int32(n), To: n}, {Line: 1, From: n}}})).Draw(t, "event")
		})).Draw(t, "events")
		if a, b := folded(State{}, events...), folded(State{}, events...); asJSON(t, a) != asJSON(t, b) {
			t.Fatal("the same events gave two states")
		}
		StockEffects(State{}, events)

		stock := rapid.SliceOf(rapid.Custom(func(t *rapid.T) StockEvent {
			n := n.Draw(t, "n")
			return rapid.SampledFrom(append(recordedStockEvents(), nil, StockHeld{Quantity: n}, StockTaken{Quantity: n})).Draw(t, "event")
		})).Draw(t, "stock")
		if a, b := foldedStock(StockState{}, stock...), foldedStock(StockState{}, stock...); asJSON(t, a) != asJSON(t, b) {
			t.Fatal("the same events gave two items")
		}
	})
}
