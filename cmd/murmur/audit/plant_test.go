package audit_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/murmuration-dev/murmuration/cmd/murmur/audit"
	"github.com/murmuration-dev/murmuration/services/payment/gatewaysim"
)

// day leaves a stopped platform behind that has seen one order of each fate.
func day(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	p := start(t, dir)
	p.post(p.Inventory.API+"/stock/mug/receipts", map[string]any{"id": "r1", "quantity": 10})
	p.post(p.Inventory.API+"/stock/cup/receipts", map[string]any{"id": "r1", "quantity": 4})
	for _, o := range []struct {
		id, card, sku string
		quantity      int
		want          string
	}{
		{"good", "pm_card_visa", "mug", 2, "COMPLETED"},
		{"declined", "pm_card_chargeDeclined", "mug", 1, "CANCELLED"},
		{"short", "pm_card_visa", "cup", 5, "CANCELLED"},
		{"refused", "pm_sim_captureRefused", "cup", 1, "CANCELLED"},
		{"back", "pm_card_visa", "mug", 2, "COMPLETED"},
	} {
		p.place(o.id, o.card, o.sku, o.quantity)
		if got := p.settled(o.id); got != o.want {
			t.Fatalf("order %s is %s, want %s", o.id, got, o.want)
		}
	}
	p.post(p.Order.API+"/orders/back/returns", map[string]any{"return_id": "1", "lines": []map[string]any{{"line": 1, "quantity": 1}}})
	p.settled("back")

	r := p.audit(patience)
	if r.Verdict != audit.Consistent {
		t.Fatalf("verdict of a good day is %s, failed are %v, in flight %v", r.Verdict, failed(r), r.InFlight)
	}
	for _, c := range r.Checks {
		if len(c.Limits) > 0 {
			t.Errorf("%s does not claim everything of a good day: %v", c.ID, c.Limits)
		}
	}
	if want := (audit.Sum{Captured: 2000, Refunded: 500}); *r.Money["GBP"].Gateway != want {
		t.Errorf("the gateway has %+v, want %+v", *r.Money["GBP"].Gateway, want)
	}
	rebuilt, err := audit.Rebuild(t.Context(), p.Addresses)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range rebuilt {
		if k.Streams == 0 || k.Events < k.Streams || k.Count > 0 {
			t.Errorf("rebuilt %+v", k)
		}
	}
	p.stop()
	return dir
}

// plants are defects of a running platform. before works on the files of the
// stopped platform, after on the running one.
var plants = []struct {
	name        string
	before      func(t *testing.T, dir string)
	after       func(t *testing.T, dir string, p *platform)
	check, says string
	also        []string
}{
	{
		name:  "record published twice",
		after: func(_ *testing.T, _ string, p *platform) { p.produce(p.record("orders", "good", "3")) },
		check: "log-once", says: "order good (orders/",
	},
	{
		name:  "record out of order",
		after: func(_ *testing.T, _ string, p *platform) { p.produce(p.record("orders", "good", "1")) },
		check: "log-order", says: "version 1 stands behind version 3", also: []string{"log-once", "log-heads"},
	},
	{
		name: "record lost",
		before: func(t *testing.T, dir string) {
			change(t, dir, "payment.db", `UPDATE events SET published = 1 WHERE id = 'good' AND type = 'Opened'`)
		},
		check: "log-once", says: "version 2 was published, but its record is lost",
	},
	{
		name: "record of nobody",
		after: func(_ *testing.T, _ string, p *platform) {
			r := p.record("stock", "mug", "1")
			p.produce(&kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: []byte("ghost"), Value: r.Value, Headers: r.Headers})
		},
		check: "log-once", says: "knows no such stock", also: []string{"log-place"},
	},
	{
		name: "record in another partition",
		after: func(_ *testing.T, _ string, p *platform) {
			r := p.record("stock", "mug", "1")
			r.Partition = (r.Partition + 1) % 6
			p.produce(r)
		},
		check: "log-place", says: "earlier records of the key on", also: []string{"log-once", "log-order", "log-heads"},
	},
	{
		name: "poison",
		after: func(_ *testing.T, _ string, p *platform) {
			r := p.record("payments", "good", "4")
			r.Value = []byte("not framed")
			p.produce(r)
		},
		check: "log-place", says: "cannot be read", also: []string{"log-once", "log-order", "log-heads", "parked"},
	},
	{
		name: "oversold",
		before: func(t *testing.T, dir string) {
			change(t, dir, "inventory.db",
				`UPDATE events SET data = replace(data, '"quantity":10', '"quantity":1') WHERE kind = 'stock' AND id = 'mug' AND version = 1`)
		},
		check: "stock", says: "oversold", also: []string{"log-heads", "state-rows"},
	},
	{
		name:  "charged twice",
		after: func(_ *testing.T, _ string, p *platform) { p.charge("good", "confirm", "capture") },
		check: "double-charge", says: "order good: 2 gateway payments", also: []string{"money-totals", "money-orders"},
	},
	{
		name:  "money held for a cancelled order",
		after: func(_ *testing.T, _ string, p *platform) { p.charge("short", "confirm") },
		check: "holds", says: "for an order that is CANCELLED",
	},
	{
		name: "state row that no events give",
		before: func(t *testing.T, dir string) {
			change(t, dir, "order.db", `UPDATE streams SET state = replace(state, '"total":1000', '"total":1') WHERE id = 'good'`)
		},
		after: func(t *testing.T, _ string, p *platform) {
			rebuilt, err := audit.Rebuild(t.Context(), p.Addresses)
			if err != nil {
				t.Fatal(err)
			}
			if r := rebuilt[0]; r.Count != 1 || len(r.List) != 1 || r.List[0].Subject != "order good" {
				t.Errorf("rebuild found %+v", r)
			}
		},
		check: "state-rows", says: "order good",
	},
	{
		// A service stops by itself rather than start from such a position, so it
		// is planted under a running one that has nothing to read.
		name: "position beyond the end",
		after: func(t *testing.T, dir string, p *platform) {
			p.idle()
			change(t, dir, "order.db", `UPDATE positions SET next = next + 1000 WHERE topic = 'payments'`)
		},
		check: "positions", says: "is beyond the end of the log",
	},
	{
		name: "position of a topic that was recreated",
		after: func(t *testing.T, dir string, p *platform) {
			p.idle()
			change(t, dir, "payment.db", `UPDATE positions SET topic_id = 'AAAAAAAAAAAAAAAAAAAAAA'`)
		},
		check: "positions", says: "deleted and created again",
	},
	{
		name: "refund above what was taken",
		before: func(t *testing.T, dir string) {
			change(t, dir, "gateway/ledger.db", `PRAGMA ignore_check_constraints = ON`, `UPDATE payments SET refunded = captured + 100 WHERE order_id = 'back'`)
		},
		check: "money-orders", says: "took 1000 and gave back 1100", also: []string{"money-totals"},
	},
	{
		name: "stuck",
		before: func(t *testing.T, dir string) {
			p := start(t, dir)
			down(t, p)
			p.place("stuck", "pm_card_visa", "mug", 1)
			pending(t, p, "stuck/create/0-500")
			p.stop()
			change(t, dir, "order.db", `DELETE FROM intents`)
			change(t, dir, "payment.db", `DELETE FROM intents`)
		},
		check: "ends", says: "order PLACED, payment none, reservation RESERVED, gateway asked to CREATE",
	},
}

func TestAudit_FindsWhatIsPlanted(t *testing.T) {
	good := day(t)
	for _, plant := range plants {
		t.Run(plant.name, func(t *testing.T) {
			dir := copyOf(t, good)
			if plant.before != nil {
				plant.before(t, dir)
			}
			p := start(t, dir)
			if plant.after != nil {
				plant.after(t, dir, p)
			}
			r := p.audit(patience)
			if r.Verdict != audit.Inconsistent || !r.Settled {
				t.Errorf("verdict is %s, settled %v, in flight %v", r.Verdict, r.Settled, r.InFlight)
			}
			found := result(t, r, plant.check).List
			if !slices.ContainsFunc(found, func(f audit.Finding) bool { return strings.Contains(f.String(), plant.says) }) {
				t.Errorf("%s does not say %q: %v", plant.check, plant.says, found)
			}
			for _, id := range failed(r) {
				if id != plant.check && !slices.Contains(plant.also, id) {
					t.Errorf("%s fails as well: %v", id, result(t, r, id).List)
				}
			}
		})
	}
}

func TestAudit_SaysWhatIsInFlight(t *testing.T) {
	p := start(t, t.TempDir())
	p.post(p.Inventory.API+"/stock/mug/receipts", map[string]any{"id": "r1", "quantity": 10})
	p.place("good", "pm_card_visa", "mug", 1)
	p.settled("good")
	down(t, p)
	p.place("waits", "pm_card_visa", "mug", 1)
	pending(t, p, "waits/create/0-500")

	r := p.audit(200 * time.Millisecond)
	if r.Verdict != audit.Unsettled || r.Settled || r.Unjudged != 1 {
		t.Errorf("verdict is %s, settled %v, %d not judged: %v", r.Verdict, r.Settled, r.Unjudged, failed(r))
	}
	for _, want := range []string{"waits/expire", "waits/create/0-500"} {
		if !slices.ContainsFunc(r.InFlight, func(f audit.InFlight) bool { return f.What == "intent" && f.Subject == want && !f.Since.IsZero() }) {
			t.Errorf("%s is not in flight: %+v", want, r.InFlight)
		}
	}

	// An audit that waits is there when it ends.
	faults(t, p, gatewaysim.Faults{})
	if r := p.audit(patience); r.Verdict != audit.Consistent {
		t.Errorf("verdict is %s, in flight %v, failed %v", r.Verdict, r.InFlight, failed(r))
	}
	if got := p.settled("waits"); got != "COMPLETED" {
		t.Errorf("the order is %s", got)
	}
}

// TestAudit_NeverAccusesWhatMoves audits again and again under load.
func TestAudit_NeverAccusesWhatMoves(t *testing.T) {
	p := start(t, t.TempDir())
	p.post(p.Inventory.API+"/stock/mug/receipts", map[string]any{"id": "r1", "quantity": 300})
	const orders = 150
	placed := make(chan struct{})
	go func() {
		defer close(placed)
		for i := range orders {
			card := []string{"pm_card_visa", "pm_card_chargeDeclined", "pm_sim_captureRefused"}[i%3]
			p.place("o-"+string(rune('a'+i%26))+string(rune('a'+i/26)), card, "mug", 1+i%4)
		}
	}()
	live := 0
	for done := false; !done; {
		select {
		case <-placed:
			done = true
		default:
		}
		r := p.audit(0)
		if r.Verdict == audit.Inconsistent {
			for _, id := range failed(r) {
				t.Errorf("%s fails: %v", id, result(t, r, id).List)
			}
			break
		}
		if !r.Settled {
			live++
		}
	}
	<-placed
	if live == 0 {
		t.Error("no audit met anything in flight: this test proved nothing")
	}
	r := p.audit(patience)
	if r.Verdict != audit.Consistent || r.Counts.Orders != orders {
		t.Errorf("verdict is %s over %d orders, failed are %v", r.Verdict, r.Counts.Orders, failed(r))
	}
}

func TestCollect_FailsWhenAServiceIsAway(t *testing.T) {
	p := start(t, t.TempDir())
	p.stop()
	if _, err := audit.Collect(t.Context(), p.Addresses, audit.Options{}); err == nil {
		t.Error("collected from a platform that is not there")
	}
}

func down(t *testing.T, p *platform) {
	t.Helper()
	faults(t, p, gatewaysim.Faults{Down: true})
}

func faults(t *testing.T, p *platform, f gatewaysim.Faults) {
	t.Helper()
	if err := (gatewaysim.Control{URL: p.Gateway, Client: http.DefaultClient}).SetFaults(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// pending waits until an intent is among what is in flight, and nothing else but
// intents.
func pending(t *testing.T, p *platform, key string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		r := p.audit(0)
		has := slices.ContainsFunc(r.InFlight, func(f audit.InFlight) bool { return f.Subject == key })
		only := !slices.ContainsFunc(r.InFlight, func(f audit.InFlight) bool { return f.What != "intent" })
		if has && only {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not in flight, or not alone: %+v", key, r.InFlight)
		}
	}
}
