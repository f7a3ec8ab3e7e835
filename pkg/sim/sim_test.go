package sim_test

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/sim"
)

func TestMain(m *testing.M) {
	// Worlds are small and many: most of the collector's work would be for nothing.
	debug.SetGCPercent(400)
	goleak.VerifyTestMain(m)
}

// The real relay and the real inbox under every fault there is. The ordinary run
// is short; `make sim SEEDS=…` runs as many as it is told, three of five here.
func TestSimulation_BothHopsHold(t *testing.T) {
	first, n := sim.Seeds(t, 500, 3, 5)
	t.Logf("both hops: %s", sim.Explore(t, first, n, parts{}.counting))
}

// What was found once is found again: these are the same in every run.
func TestSimulation_FixedSchedulesHold(t *testing.T) {
	t.Logf("both hops, seeds 1 to 200: %s", sim.Explore(t, 1, 200, parts{}.counting))
}

func TestSimulation_IntentsHoldThroughAReplay(t *testing.T) {
	t.Logf("intents: %s", sim.Explore(t, 1, 100, ringing{}.scenario))
}

// One seed is one schedule: whatever failed can be looked at again.
func TestSimulate_RepeatsItself(t *testing.T) {
	for seed := range uint64(60) {
		first := sim.Simulate(t, sim.Plan{Seed: seed}, true, parts{}.counting)
		second := sim.Simulate(t, sim.Plan{Seed: seed}, true, parts{}.counting)
		if first.Hash == second.Hash && first.Events == second.Events {
			continue
		}
		for i := range min(len(first.Trace), len(second.Trace)) {
			if first.Trace[i] != second.Trace[i] {
				t.Fatalf("seed %d: runs part at line %d:\n%s\n%s", seed, i, first.Trace[i], second.Trace[i])
			}
		}
		t.Fatalf("seed %d: %d and %d lines", seed, len(first.Trace), len(second.Trace))
	}
}

func TestSimulate_SeedsDiffer(t *testing.T) {
	seen := make(map[uint64]uint64)
	for seed := range uint64(50) {
		r := sim.Simulate(t, sim.Plan{Seed: seed}, false, parts{}.counting)
		if other, ok := seen[r.Hash]; ok {
			t.Errorf("seeds %d and %d are one schedule", seed, other)
		}
		seen[r.Hash] = seed
	}
}

// Every kind of fault takes place in a run of ordinary length, but for those of
// external systems, of which this pair has none.
func TestExplore_InjectsEveryKind(t *testing.T) {
	r := sim.Explore(t, 1, 300, parts{}.counting)
	for k := sim.CrashBefore; k <= sim.Compact; k++ {
		if k != sim.SystemAway && r.Injected[k] == 0 {
			t.Errorf("no %s among %d schedules", k, r.Schedules)
		}
	}
	if text := r.String(); !strings.Contains(text, "300 schedules") || !strings.Contains(text, "zombie") {
		t.Errorf("the report says %q", text)
	}
}

// What a plan names happens, and nothing else.
func TestSimulate_DoesWhatThePlanSays(t *testing.T) {
	plan := sim.Plan{Seed: 5, Faults: []sim.Fault{
		{Kind: sim.CrashAfter, Target: "meter", Call: 20}, {Kind: sim.Compact, Target: "meters", After: time.Second},
	}}
	r := sim.Simulate(t, plan, true, parts{}.counting)
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	if len(r.Injected) != 2 || r.Injected[sim.CrashAfter] != 1 || r.Injected[sim.Compact] != 1 {
		t.Errorf("injected were %v", r.Injected)
	}
	trace := strings.Join(r.Trace, "\n")
	for _, want := range []string{"CRASH AFTER", "is dead", "meter#2", "compaction of meters"} {
		if !strings.Contains(trace, want) {
			t.Errorf("the trace lacks %q", want)
		}
	}
	one := sim.Simulate(t, sim.Plan{Seed: 5, Faults: []sim.Fault{}, Steps: r.Plan.Steps[:1]}, false, parts{}.counting)
	if one.Err != nil || len(one.Plan.Steps) != 1 || len(one.Injected) != 0 {
		t.Errorf("got %+v", one)
	}
}

// A schedule that never settles fails, and says what it waits for.
func TestSimulate_FailsWhatNeverSettles(t *testing.T) {
	r := sim.Simulate(t, sim.Plan{Seed: 1}, false, func(w *sim.World) {
		w.Service(sim.Service{Name: "lazy", Start: func(ctx context.Context, n *sim.Node) error {
			<-ctx.Done()
			return nil
		}})
		w.Limit(time.Minute)
		w.Settled(func() bool { return false })
	})
	if r.Err == nil || !strings.Contains(r.Err.Error(), "nothing settled within 1m0s") {
		t.Errorf("got %v", r.Err)
	}
}

func TestSimulate_FailsAServiceThatEndsByItself(t *testing.T) {
	broken := errors.New("broken")
	r := sim.Simulate(t, sim.Plan{Seed: 1, Faults: []sim.Fault{}}, false, func(w *sim.World) {
		w.Service(sim.Service{Name: "weak", Start: func(context.Context, *sim.Node) error { return broken }})
	})
	if !errors.Is(r.Err, broken) {
		t.Errorf("got %v", r.Err)
	}
}

// Two units that load the same stream run one after the other, whatever their
// order; what the first wrote is what the second sees.
func TestStore_HoldsStreamsUntilTheUnitEnds(t *testing.T) {
	stream := eventstore.StreamID{Kind: "k", ID: "1"}
	r := sim.Explore(t, 1, 100, func(w *sim.World) {
		d := w.Service(sim.Service{Name: "s", Replicas: 3, Start: func(ctx context.Context, n *sim.Node) error {
			n.Serve(n.Store())
			<-ctx.Done()
			return nil
		}})
		w.Faults(sim.Mix{Kinds: []sim.Kind{sim.Slow, sim.DatabaseAway}})
		for i := range 6 {
			w.Step(fmt.Sprint("append ", i), 0, func(ctx context.Context, c *sim.Client) error {
				for {
					err := c.Reach(ctx, "s", 30*time.Second, func(ctx context.Context, api any) error {
						store, _ := api.(eventstore.Store)
						return appendOne(ctx, store, stream)
					})
					if err == nil || errors.Is(err, eventstore.ErrOutcomeUnknown) || !c.Pause(ctx, time.Millisecond) {
						return nil
					}
					if !errors.Is(err, sim.ErrConnection) {
						return err // a conflict, say: the lock did not hold
					}
				}
			})
		}
		w.Settled(func() bool { return true })
		w.Finally("versions have no gap", func() error {
			for i, e := range d.Events(stream) {
				if e.Version != int64(i)+1 {
					return fmt.Errorf("event %d has version %d", i, e.Version)
				}
			}
			return nil
		})
	})
	if r.Injected[sim.Slow] == 0 {
		t.Error("nothing was slow")
	}
}

func appendOne(ctx context.Context, s eventstore.Store, id eventstore.StreamID) error {
	tx, err := s.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	rows, err := tx.Load(ctx, id)
	if err != nil {
		return err
	}
	return tx.Commit(ctx, eventstore.Unit{Changes: []eventstore.Change{{
		Stream: id, Expected: rows[0].Version, State: []byte("{}"), Events: []eventstore.NewEvent{{Type: "Appended", Schema: 1}},
	}}})
}
