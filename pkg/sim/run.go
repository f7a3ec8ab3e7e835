package sim

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Scenario sets a world up: topics, services, workload, and what must hold. It is
// called once for every schedule, and must depend on nothing but the world.
type Scenario func(w *World)

// Plan is all that a schedule depends on, besides the program.
type Plan struct {
	Seed uint64
	// Faults are what goes wrong; nil means those that the seed draws.
	Faults []Fault
	// Steps are the names of the steps that are done; nil means all.
	Steps []string
}

// Result is what came of one schedule.
type Result struct {
	// Plan is the schedule, with the faults that were drawn.
	Plan Plan
	// Err is what did not hold; nil if all did.
	Err error
	// Injected counts, by kind, the faults that took place.
	Injected map[Kind]int
	// Events is the number of steps of the trace, Hash stands for all of them:
	// two runs with the same hash were the same.
	Events int
	Hash   uint64
	// Trace are the words of the trace, if they were asked for.
	Trace []string
	// Simulated is how long it took in simulated time.
	Simulated time.Duration
}

// Simulate runs one schedule and returns what came of it; it does not fail t.
// With words it keeps the trace.
func Simulate(t *testing.T, p Plan, words bool, s Scenario) Result {
	var out Result
	synctest.Test(t, func(*testing.T) {
		w := newWorld(p)
		w.trace.words = words
		s(w)
		w.run()
		out = Result{
			Plan: w.plan, Err: w.failure, Events: w.trace.events, Hash: w.trace.hash, Trace: w.trace.lines,
			Simulated: w.took, Injected: make(map[Kind]int),
		}
		for k, n := range w.injected {
			if n > 0 {
				out.Injected[Kind(k)] = n
			}
		}
		out.Plan.Steps = make([]string, 0, len(w.steps))
		for _, step := range w.steps {
			out.Plan.Steps = append(out.Plan.Steps, step.name)
		}
	})
	return out
}

func newWorld(p Plan) *World {
	w := &World{
		plan: p, began: time.Now(), ends: make(chan struct{}),
		parts: make(map[string]*part), taken: make(map[int64]struct{}),
	}
	w.plan.Steps = p.Steps
	w.ctx, w.cancel = context.WithCancel(context.Background())
	w.cluster = newCluster(w)
	return w
}

// Run runs the schedule of a seed. If something does not hold it leaves out
// faults and steps for as long as it still fails, and fails t with what is left
// and its trace.
func Run(t *testing.T, seed uint64, s Scenario) Result {
	t.Helper()
	r := Simulate(t, Plan{Seed: seed}, false, s)
	if r.Err != nil {
		t.Fatal(Explain(t, r.Plan, s))
	}
	return r
}

// Report sums up many schedules.
type Report struct {
	Schedules int
	Injected  map[Kind]int
	Events    int
	Simulated time.Duration
	Took      time.Duration
}

// String is one line for people, and one for the faults.
func (r Report) String() string {
	var faults []string
	total := 0
	for k := faultNone + 1; k < kinds; k++ {
		if n := r.Injected[k]; n > 0 {
			faults = append(faults, fmt.Sprintf("%d %s", n, k))
			total += n
		}
	}
	rate := float64(r.Schedules) / max(r.Took.Seconds(), 1e-9)
	return fmt.Sprintf("%d schedules, %d events, %s simulated, %d faults, in %s (%.0f schedules/s)\nfaults: %s",
		r.Schedules, r.Events, r.Simulated.Round(time.Second), total, r.Took.Round(time.Millisecond), rate, strings.Join(faults, ", "))
}

// Explore runs the schedules of n seeds from first on, on all processors. At the
// first one that does not hold it fails t as Run does.
func Explore(t *testing.T, first uint64, n int, s Scenario) Report {
	t.Helper()
	report, failed := explore(t, first, n, s)
	if failed != nil {
		t.Fatal(Explain(t, failed.Plan, s))
	}
	return report
}

// Find looks for a schedule that does not hold among the seeds from first on, and
// returns it; ok is false when there is none among n.
func Find(t *testing.T, first uint64, n int, s Scenario) (r Result, report Report, ok bool) {
	t.Helper()
	report, failed := explore(t, first, n, s)
	if failed == nil {
		return Result{}, report, false
	}
	return *failed, report, true
}

// explore returns the failure with the lowest seed among those that were run.
func explore(t *testing.T, first uint64, n int, s Scenario) (Report, *Result) {
	began := time.Now()
	report := Report{Injected: make(map[Kind]int)}
	var (
		mu     sync.Mutex
		failed *Result
		next   atomic.Int64
		all    sync.WaitGroup
	)
	for range min(runtime.GOMAXPROCS(0), n) {
		all.Go(func() {
			for {
				i := next.Add(1) - 1
				mu.Lock()
				stop := failed != nil
				mu.Unlock()
				if i >= int64(n) || stop {
					return
				}
				r := Simulate(t, Plan{Seed: first + uint64(i)}, false, s)
				mu.Lock()
				report.add(r)
				if r.Err != nil && (failed == nil || failed.Plan.Seed > r.Plan.Seed) {
					failed = &r
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	report.Took = time.Since(began)
	return report, failed
}

func (r *Report) add(one Result) {
	r.Schedules++
	r.Events += one.Events
	r.Simulated += one.Simulated
	for k, n := range one.Injected {
		r.Injected[k] += n
	}
}

// Add sums up two reports.
func (r Report) Add(o Report) Report {
	r.Injected = maps.Clone(r.Injected)
	if r.Injected == nil {
		r.Injected = make(map[Kind]int)
	}
	for k, n := range o.Injected {
		r.Injected[k] += n
	}
	r.Schedules += o.Schedules
	r.Events += o.Events
	r.Simulated += o.Simulated
	r.Took += o.Took
	return r
}
