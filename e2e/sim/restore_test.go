package sim

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/sim"
	"github.com/murmuration-dev/murmuration/schemas"
)

// setBack is when a database is set back and its service starts anew.
const setBack = 4 * time.Second

// A database is set back while its service is down. When that starts again, it
// reads no record and calls nobody before it finds out: what it did on the word of
// the older database, with the gateway above all, nobody could take back.
func TestRestore_AServiceThatWasSetBackReadsAndCallsNobody(t *testing.T) {
	s := services(t)
	for _, service := range []string{schemas.OrderService, schemas.PaymentService, schemas.InventoryService} {
		t.Run(service, func(t *testing.T) {
			for seed := range uint64(20) {
				s.startsOnAnOldDatabase(t, service, seed)
			}
		})
	}
}

func (s *Services) startsOnAnOldDatabase(t *testing.T, service string, seed uint64) {
	stop := sim.Fault{Kind: sim.Stop, Target: service, After: setBack + time.Nanosecond}
	r := sim.Simulate(t, sim.Plan{Seed: seed, Faults: []sim.Fault{stop}}, true, func(w *sim.World) {
		shop := s.sale(w)
		disk := map[string]*sim.Disk{schemas.OrderService: shop.order, schemas.PaymentService: shop.payment, schemas.InventoryService: shop.stock}[service]
		var before *sim.Copy
		// Between the order and its end: intents are under way, and much is to be read.
		w.Step("back up", 310*time.Millisecond, func(context.Context, *sim.Client) error { before = disk.Copy(); return nil })
		w.Step("set back", setBack, func(context.Context, *sim.Client) error { disk.Restore(before); return nil })
	})
	if r.Err == nil || !strings.Contains(r.Err.Error(), service+"#2 ended by itself") || !strings.Contains(r.Err.Error(), "database is older than its topics") {
		t.Fatalf("seed %d: got %v, want the service to stop", seed, r.Err)
	}
	for _, line := range r.Trace {
		if acts(line, service+"#2") {
			t.Fatalf("seed %d: on the word of an older database:\n%s", seed, line)
		}
	}
}

// acts tells whether a line of a trace is a process that reads records, calls the
// gateway, or takes up an intent.
func acts(line, process string) bool {
	words := strings.Fields(line)
	if len(words) < 4 || words[1] != process {
		return false
	}
	switch what := strings.Join(words[2:], " "); {
	case strings.HasPrefix(what, gatewayName), strings.HasPrefix(what, "broker join"), strings.HasPrefix(what, "broker fetch"):
		return true
	default:
		return strings.Contains(what, " db claim")
	}
}

// The same process, had it not been set back, does all of that.
func TestRestore_AServiceThatWasNotSetBackGoesOn(t *testing.T) {
	s := services(t)
	acted := make(map[string]bool)
	for _, service := range []string{schemas.OrderService, schemas.PaymentService, schemas.InventoryService} {
		stop := sim.Fault{Kind: sim.Stop, Target: service, After: 310 * time.Millisecond}
		r := sim.Simulate(t, sim.Plan{Seed: 3, Faults: []sim.Fault{stop}}, true, func(w *sim.World) { s.sale(w) })
		if r.Err != nil {
			t.Fatalf("%s: %v", service, r.Err)
		}
		for _, line := range r.Trace {
			if acts(line, service+"#2") {
				acted[fmt.Sprint(service, " ", strings.Fields(line)[2:4])] = true
			}
		}
	}
	for _, want := range []string{"order [broker join]", "payment [broker fetch]", "payment [gateway confirm]", "payment [payment db]", "inventory [broker join]"} {
		if !acted[want] {
			t.Errorf("nobody saw %s among %v", want, acted)
		}
	}
}
