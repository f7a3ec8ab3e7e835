package sim_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/outbox"
	"github.com/murmuration-dev/murmuration/pkg/sim"
)

// A database that is set back to an older state, on a log that went on, stops the
// relay with the error that says so, before anything that was written since is
// published under a version that readers have seen. The relay may be running, as
// when a copy that lags takes over, or start afterwards.
func TestSimulate_ARestoredDatabaseStopsItsRelay(t *testing.T) {
	for _, lost := range []int{1, 3} { // batches
		for _, crash := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d batches, crash %t", lost, crash), func(t *testing.T) {
				restored(t, lost, crash)
			})
		}
	}
}

func restored(t *testing.T, lost int, crash bool) {
	var stopped error
	faults := []sim.Fault{}
	if crash {
		faults = append(faults, sim.Fault{Kind: sim.Stop, Target: "meter", After: 1100 * time.Millisecond})
	}
	versions := 0
	scenario := func(w *sim.World) {
		w.Topic("meters", 1)
		w.Topic("meter-positions", 1)
		meter := w.Service(sim.Service{Name: "meter", Start: parts{}.withDefaults().runMeter, MayEnd: func(err error) bool {
			stopped = err
			return true
		}})
		count := func(ctx context.Context, c *sim.Client) error { return grow(ctx, c, "m", newTally()) }
		w.Step("first", 50*time.Millisecond, count)
		var before *sim.Copy
		w.Step("back up", 400*time.Millisecond, func(context.Context, *sim.Client) error { before = meter.Copy(); return nil })
		for i := range lost {
			w.Step(fmt.Sprint("lost ", i), time.Duration(500+100*i)*time.Millisecond, count)
		}
		w.Step("restore", time.Second, func(context.Context, *sim.Client) error { meter.Restore(before); return nil })
		w.Step("other", 1001*time.Millisecond, func(ctx context.Context, c *sim.Client) error {
			short, cancel := context.WithTimeout(ctx, time.Second) // nobody serves once the relay has stopped
			defer cancel()
			return grow(short, c, "x", newTally())
		})
		w.Settled(func() bool { return stopped != nil })
		w.Finally("count what is published", func() error { versions = len(w.Records("meters")); return nil })
	}
	r := sim.Simulate(t, sim.Plan{Seed: 1, Faults: faults}, false, scenario)
	if r.Err != nil || !errors.Is(stopped, outbox.ErrInconsistent) {
		t.Fatalf("got %v, the relay ended with %v", r.Err, stopped)
	}
	if versions != 1+lost {
		t.Errorf("%d records are published, not %d", versions, 1+lost)
	}
}
