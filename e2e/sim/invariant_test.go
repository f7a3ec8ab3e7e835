package sim

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/sim"
)

// A check that cannot fail proves nothing: each is shown what it looks for, in a
// world that went well.
func TestInvariants_SeeWhatIsWrong(t *testing.T) {
	s := services(t)
	for _, c := range []struct {
		name, says string
		tamper     func(*Shop)
	}{
		{"nothing", "", func(*Shop) {}},
		{"money is held for ever", "the money is where it belongs", func(s *Shop) { s.ledger.Payments()[0].Held = 5 }},
		{"money is taken twice", "no card pays twice", func(s *Shop) { s.ledger.Payments()[0].Captures = 2 }},
		{"a refund is above its capture", "nor gets back more than it paid", func(s *Shop) { s.ledger.Payments()[0].Refunded = 1 << 40 }},
		{"money is taken for nobody", "the money is where it belongs", func(s *Shop) { s.ledger.Payments()[0].OrderID = "nobody" }},
		{"a promise is lost", "every acknowledged order is kept", func(s *Shop) { s.asked["lost"] = Order{OrderID: "lost"} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := sim.Simulate(t, sim.Plan{Seed: 3, Faults: []sim.Fault{}}, false, func(w *sim.World) {
				shop := s.sale(w)
				w.Step("tamper", 4*time.Second, func(context.Context, *sim.Client) error {
					w.Look(func() { c.tamper(shop) })
					return nil
				})
			})
			switch {
			case c.says == "" && r.Err != nil:
				t.Errorf("got %v without any tampering", r.Err)
			case c.says != "" && (r.Err == nil || !strings.Contains(r.Err.Error(), c.says)):
				t.Errorf("got %v, want %q", r.Err, c.says)
			}
		})
	}
}

// A database that goes back in time is noticed by the service itself.
func TestInvariants_SeeWhatADatabaseLost(t *testing.T) {
	s := services(t)
	r := sim.Simulate(t, sim.Plan{Seed: 3, Faults: []sim.Fault{}}, false, func(w *sim.World) {
		shop := s.sale(w)
		var before *sim.Copy
		w.Step("back up", 0, func(context.Context, *sim.Client) error {
			before = shop.stock.Copy()
			return nil
		})
		w.Step("restore", 4*time.Second, func(context.Context, *sim.Client) error {
			shop.stock.Restore(before)
			return nil
		})
	})
	if r.Err == nil || !strings.Contains(r.Err.Error(), "database is older than its topics") {
		t.Errorf("got %v, want the relay to stop", r.Err)
	}
}

// sale is a world in which one order is paid and delivered.
func (s *Services) sale(w *sim.World) *Shop {
	shop := s.Open(w, 1, Replicas{})
	w.Step("receive", 100*time.Millisecond, func(ctx context.Context, c *sim.Client) error {
		return shop.Receive(ctx, c, "mug", "r1", 5)
	})
	o := Order{OrderID: "o1", Currency: "GBP", PaymentMethod: "pm_card_visa", Lines: []Line{{SKU: "mug", Quantity: 2, Amount: 500}}}
	w.Step("place", 300*time.Millisecond, func(ctx context.Context, c *sim.Client) error { return shop.Place(ctx, c, o) })
	return shop
}
