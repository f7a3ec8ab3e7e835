package sim

import (
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/murmuration-dev/murmuration/pkg/sim"
)

func TestMain(m *testing.M) {
	// Worlds are small and many: most of the collector's work would be for nothing.
	debug.SetGCPercent(400)
	goleak.VerifyTestMain(m)
}

// built are the services, made once for all tests.
var built = sync.OnceValues(NewServices)

func services(t *testing.T) *Services {
	t.Helper()
	s, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fixed is how many schedules are the same in every run.
const fixed = 100

func TestSimulation_FixedSchedulesHold(t *testing.T) {
	t.Logf("order, payment and inventory, seeds 1 to %d: %s", fixed, sim.Explore(t, 1, fixed, services(t).Short))
}

// The ordinary run is short; `make sim SEEDS=…` runs as many as it is told, two of
// five here, the others over both hops alone, in pkg/sim.
func TestSimulation_ShortSchedulesHold(t *testing.T) {
	t.Parallel() // beside the day, which is one world and keeps one processor busy
	s := services(t)
	first, n := sim.Seeds(t, 200, 2, 5)
	t.Logf("order, payment and inventory: %s", sim.Explore(t, first, n, s.Short))
}

func TestSimulation_RepeatsItself(t *testing.T) {
	s := services(t)
	for seed := range uint64(30) {
		first := sim.Simulate(t, sim.Plan{Seed: seed}, false, s.Short)
		if again := sim.Simulate(t, sim.Plan{Seed: seed}, false, s.Short); again.Hash != first.Hash {
			t.Errorf("seed %d made two schedules, of %d and %d events", seed, first.Events, again.Events)
		}
	}
}

// A request to join that arrives late, when the process is a member already, takes its
// share from it: it has to learn that, or nobody reads what it is given next. The
// faults are those of a schedule that was found once, around its call.
func TestSimulation_AMemberThatJoinsLateAgainReads(t *testing.T) {
	s := services(t)
	late := 0
	for call := 100; call < 220; call++ {
		plan := sim.Plan{Seed: 4218735917, Faults: []sim.Fault{
			{Kind: sim.LateRequest, Target: "payment", Call: call, For: 1917811 * time.Microsecond},
			{Kind: sim.Zombie, Target: "payment", Call: 30, For: 139196250 * time.Nanosecond},
			{Kind: sim.BrokerAway, After: 754981 * time.Microsecond, For: 1389325 * time.Microsecond},
		}}
		r := sim.Simulate(t, plan, true, s.Short)
		if r.Err != nil {
			t.Errorf("late at call %d: %v", call, r.Err)
		}
		if slices.ContainsFunc(r.Trace, func(line string) bool {
			return strings.Contains(line, "join group payment") && strings.Contains(line, "LATE REQUEST")
		}) {
			late++
		}
	}
	if late == 0 {
		t.Error("no request to join was late: the calls are others now")
	}
}
