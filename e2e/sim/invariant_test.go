package sim

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/sim"
	"github.com/murmuration-dev/murmuration/schemas"
)

// tampering is done to a world that went well, and what must say so.
type tampering struct {
	name, says string
	do         func(*Shop)
}

// A check that cannot fail proves nothing: each is shown all that it looks for,
// when everything has come to its end.
func TestInvariants_SeeWhatIsWrongAtTheEnd(t *testing.T) {
	const (
		parked    = "nothing is parked"
		published = "every record is published once, in order"
		kept      = "every acknowledged order is kept"
		agreed    = "every order comes to an end, and all agree on it"
		money     = "the money is where it belongs"
		stock     = "the stock adds up"
		rebuilt   = "states are what the events say"
	)
	for _, c := range []tampering{
		{"nothing", "", func(*Shop) {}},
		{"a record is set aside", parked, func(s *Shop) {
			s.stock.Park(eventstore.Parked{ParkedKey: eventstore.ParkedKey{Topic: schemas.Orders, Key: "o1"}, Reason: "unreadable"})
		}},
		{"an intent is given up", parked, func(s *Shop) {
			s.payment.Intend(eventstore.Intent{Key: "o1/void", Kind: "void", State: eventstore.IntentParked})
		}},
		{"an intent waits", parked, func(s *Shop) {
			s.payment.Intend(eventstore.Intent{Key: "o1/void", Kind: "void", State: eventstore.IntentPending})
		}},
		{"a record is lost", published, func(s *Shop) { s.world.Erase(schemas.Payments, 0) }},
		{"a record is published twice", published, func(s *Shop) { s.world.Forge(once(s.world, schemas.Reservations)) }},
		{"a record is of nobody", published, func(s *Shop) {
			r := once(s.world, schemas.StockLevels)
			r.Key = "ghost"
			s.world.Forge(r)
		}},
		{"a promise is lost", kept, func(s *Shop) { s.asked["lost"] = Order{OrderID: "lost"} }},
		{"a promise is kept in part", kept, func(s *Shop) {
			o := s.asked["o1"]
			o.Lines = append(o.Lines[:1:1], Line{SKU: "jug", Quantity: 1})
			s.asked["o1"] = o
		}},
		{"an order is under way", agreed, func(s *Shop) { rewrite(s.order, "order", "o1", `"COMPLETED"`, `"CONFIRMED"`) }},
		{"an order is seen and was never placed", agreed, func(s *Shop) {
			s.order.Overwrite(eventstore.Stream{ID: eventstore.StreamID{Kind: "order", ID: "o9"}, Observed: []byte(`{"payment":{"status":"VOIDED"}}`)})
		}},
		{"the payment is another than the order saw", agreed, func(s *Shop) { rewrite(s.payment, "payment", "o1", `"CAPTURED"`, `"VOIDED"`) }},
		{"the reservation is another than the order saw", agreed, func(s *Shop) {
			rewrite(s.stock, "reservation", "o1", `"status":"COMMITTED"`, `"status":"RESERVED"`)
		}},
		{"money is held for ever", money, func(s *Shop) { s.ledger.Payments()[0].Held = 5 }},
		{"money is taken for nobody", money, func(s *Shop) { s.ledger.Payments()[0].OrderID = "nobody" }},
		{"too little was taken", money, func(s *Shop) { s.ledger.Payments()[0].Captured-- }},
		{"the payment knows nothing of the money", money, func(s *Shop) { rewrite(s.payment, "payment", "o1", `"captured":500`, `"captured":400`) }},
		{"goods are promised for ever", stock, func(s *Shop) { rewrite(s.stock, "stock", "mug", `"received":5`, `"received":5,"reserved":1`) }},
		{"goods are gone", stock, func(s *Shop) { rewrite(s.stock, "stock", "mug", `"on_hand":3`, `"on_hand":2`) }},
		{"goods came from nowhere", stock, func(s *Shop) {
			rewrite(s.order, "order", "o1", `"mug"`, `"jug"`)
			rewrite(s.stock, "stock", "mug", `"on_hand":3`, `"on_hand":5`)
		}},
		{"a state is not what its events say", rebuilt, func(s *Shop) { rewrite(s.order, "order", "o1", `pm_card_visa`, `pm_card_other`) }},
	} {
		t.Run(c.name, func(t *testing.T) { tampered(t, c, (*Shop).atTheEnd) })
	}
}

// What must hold at any time is seen at any time.
func TestInvariants_SeeWhatIsWrongOnTheWay(t *testing.T) {
	const sane = "no card pays twice, nor gets back more than it paid"
	for _, c := range []tampering{
		{"money is taken twice", sane, func(s *Shop) { s.ledger.Payments()[0].Captures = 2 }},
		{"a refund is above its capture", sane, func(s *Shop) { s.ledger.Payments()[0].Refunded = 1 << 40 }},
		{"a capture is above its amount", sane, func(s *Shop) { s.ledger.Payments()[0].Captured = 1 << 40 }},
		{"an intent is never executed", "nothing settled within", func(s *Shop) {
			s.payment.Intend(eventstore.Intent{Key: "o1/sing", Kind: "sing", State: eventstore.IntentPending})
		}},
	} {
		t.Run(c.name, func(t *testing.T) { tampered(t, c, (*Shop).onTheWay) })
	}
}

// tampered runs a sale that somebody tampers with.
func tampered(t *testing.T, c tampering, when func(*Shop, func(*Shop))) {
	s := services(t)
	r := sim.Simulate(t, sim.Plan{Seed: 3, Faults: []sim.Fault{}}, false, func(w *sim.World) {
		shop := s.open(w, 1, Replicas{})
		when(shop, c.do)
		shop.invariants()
		shop.sell()
	})
	switch {
	case c.says == "" && r.Err != nil:
		t.Errorf("got %v without any tampering", r.Err)
	case c.says != "" && (r.Err == nil || !strings.HasPrefix(r.Err.Error(), c.says)):
		t.Errorf("got %v, want %q", r.Err, c.says)
	}
}

// atTheEnd tampers before anything is judged.
func (s *Shop) atTheEnd(do func(*Shop)) {
	s.world.Finally("tamper", func() error { do(s); return nil })
}

func (s *Shop) onTheWay(do func(*Shop)) {
	s.world.Step("tamper", 4*time.Second, func(context.Context, *sim.Client) error {
		s.world.Look(func() { do(s) })
		return nil
	})
}

// rewrite changes the state of a stream, which must contain what is replaced.
func rewrite(d *sim.Disk, kind, id, from, to string) {
	row := d.Stream(eventstore.StreamID{Kind: kind, ID: id})
	if !bytes.Contains(row.State, []byte(from)) {
		panic(fmt.Sprintf("the state of %s has no %s: %s", row.ID, from, row.State))
	}
	row.State = bytes.ReplaceAll(row.State, []byte(from), []byte(to))
	d.Overwrite(row)
}

// once is the first record of a topic, to be written once more.
func once(w *sim.World, topic string) eventstore.Record {
	first := w.Records(topic)[0]
	r := eventstore.Record{Topic: topic, Key: string(first.Key), Value: first.Value}
	for _, h := range first.Headers {
		r.Headers = append(r.Headers, eventstore.Header{Key: h.Key, Value: string(h.Value)})
	}
	return r
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
	shop.sell()
	return shop
}

func (s *Shop) sell() {
	s.world.Step("receive", 100*time.Millisecond, func(ctx context.Context, c *sim.Client) error {
		return s.Receive(ctx, c, "mug", "r1", 5)
	})
	o := Order{OrderID: "o1", Currency: "GBP", PaymentMethod: "pm_card_visa", Lines: []Line{{SKU: "mug", Quantity: 2, Amount: 500}}}
	s.world.Step("place", 300*time.Millisecond, func(ctx context.Context, c *sim.Client) error { return s.Place(ctx, c, o) })
}
