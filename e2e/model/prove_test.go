package model

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/e2e/model/search"
)

// deep adds what takes minutes and gigabytes.
var deep = flag.Bool("deep", false, "prove with more faults in one run, for minutes")

// world is one configuration that is proved.
type world struct {
	name string
	cfg  Config
	// heavy ones take minutes under the race detector and are left out there:
	// the others run the same code.
	heavy bool
}

// everything is what customers, the warehouse and the deadline may do to one order.
func everything(f Faults) Config {
	return Config{Orders: 1, Quantity: 3, Stock: 3, Returns: true, WriteOff: true, Deadline: DeadlineAnytime, Faults: f}
}

func oneOrder() []world {
	locked := everything(Faults{Abandoned: 1})
	locked.Workers, locked.Deadline = WorkersLocked, DeadlineAfterInbox
	gateway := everything(Faults{Abandoned: 1, Repeated: 1, Executors: 1, Forgotten: 1})
	gateway.WriteOff = false
	relayed := one()
	relayed.Gateway, relayed.Relay = GatewayAtomic, Relay{Explicit: true, Crashes: 2, Detect: DetectRows}
	restored := one()
	restored.Gateway, restored.Relay = GatewayAtomic, Relay{Explicit: true, Restores: 1, Detect: DetectContents, Late: true}
	free := everything(Faults{Replays: 1})
	free.Free = true
	return []world{
		{name: "a free order, and a replay", cfg: free},
		{name: "what customers do, without faults", cfg: everything(Faults{})},
		{name: "topics: compaction, delay, a replay, a rebuild, and an abandoned call", cfg: everything(
			Faults{Replays: 1, Rebuilds: 1, Abandoned: 1}), heavy: true},
		{name: "gateway: a call abandoned, one repeated, two executors, keys that expire", cfg: gateway, heavy: true},
		{name: "gateway: a call abandoned, and a hold that lapses", cfg: everything(Faults{Abandoned: 1, Lapsed: 1})},
		{name: "two workers on one stream, deadline after the inbox", cfg: locked},
		{name: "relay: batches, position records, crashes", cfg: relayed, heavy: true},
		{name: "a database set back", cfg: restored, heavy: true},
	}
}

// deepOneOrder has more faults meet in one run.
func deepOneOrder() []world {
	relayed := everything(Faults{})
	relayed.WriteOff, relayed.Gateway, relayed.Relay = false, GatewayAtomic, Relay{Explicit: true, Crashes: 2, Detect: DetectRows}
	locked := everything(Faults{Abandoned: 1, Replays: 1})
	locked.Workers, locked.Deadline, locked.WriteOff = WorkersLocked, DeadlineAfterInbox, false
	return []world{
		{name: "topics: two replays and a rebuild", cfg: everything(Faults{Replays: 2, Rebuilds: 1})},
		{name: "gateway: two calls abandoned, and every other fault", cfg: everything(
			Faults{Abandoned: 2, Repeated: 1, Executors: 1, Forgotten: 1, Lapsed: 1})},
		{name: "two workers on one stream, a replay and an abandoned call", cfg: locked},
		{name: "relay: returns and two crashes", cfg: relayed},
	}
}

func twoOrders() []world {
	cfg := Config{Orders: 2, Quantity: 1, Stock: 1, Deadline: DeadlineAnytime, Gateway: GatewayAtomic, Symmetry: true}
	returned := cfg
	returned.Returns, returned.Deadline = true, DeadlineNever
	stepped := Config{Orders: 2, Quantity: 1, Stock: 1, Symmetry: true, Faults: Faults{Abandoned: 1}}
	return []world{
		{name: "two orders, stock for one, an abandoned call", cfg: stepped, heavy: true},
		{name: "two orders, stock for one, deadlines", cfg: cfg, heavy: true},
		{name: "two orders, stock for one, returned for the other", cfg: returned},
	}
}

func deepTwoOrders() []world {
	replayed := Config{
		Orders: 2, Quantity: 1, Stock: 1, Gateway: GatewayAtomic, Symmetry: true, Faults: Faults{Replays: 1},
	}
	return []world{
		{name: "two orders, stock for one, a replay", cfg: replayed},
	}
}

func TestProve_OneOrder(t *testing.T) {
	worlds := oneOrder()
	if *deep {
		worlds = append(worlds, deepOneOrder()...)
	}
	prove(t, worlds)
}

func TestProve_TwoOrdersOneSKU(t *testing.T) {
	worlds := twoOrders()
	if *deep {
		worlds = append(worlds, deepTwoOrders()...)
	}
	prove(t, worlds)
}

// What customers, services and the gateway can reach does not depend on where a
// committed record waits: that is why the outbox is left out elsewhere.
func TestProve_TheOutboxIsInvisible(t *testing.T) {
	direct := one()
	direct.Gateway = GatewayAtomic
	relayed := direct
	relayed.Relay = Relay{Explicit: true, Crashes: 1, Detect: DetectRows}
	want, got := visible(direct), visible(relayed)
	for state := range want {
		if !got[state] {
			t.Errorf("not reached with the outbox: %s", state)
		}
	}
	for state := range got {
		if !want[state] {
			t.Errorf("reached only with the outbox: %s", state)
		}
	}
	if len(want) < 100 {
		t.Errorf("only %d states were compared", len(want))
	}
}

// visible is the set of all reachable states, as services, gateway and stock are.
func visible(cfg Config) map[string]bool {
	w := New(cfg)
	met := map[State]bool{w.Initial(): true}
	out := make(map[string]bool)
	for queue := []State{w.Initial()}; len(queue) > 0; {
		s := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		side := s.Orders[0]
		out[key([]any{
			w.order(side.order), w.payment(side.payment), w.reservation(side.reservation), w.ledger(side.ledger), w.stockItem(s.Stock),
		})] = true
		for _, next := range w.Next(s, nil) {
			if !met[next.To] {
				met[next.To] = true
				queue = append(queue, next.To)
			}
		}
	}
	return out
}

// prove explores worlds and says what was proved, how and in what time.
func prove(t *testing.T, worlds []world) {
	var states, transitions int
	var took time.Duration
	var table strings.Builder
	fmt.Fprintf(&table, "\n%-74s %10s %12s %6s %6s %8s %8s\n", "explored", "states", "transitions", "depth", "ends", "longest", "time")
	for _, w := range worlds {
		if w.heavy && raceEnabled {
			fmt.Fprintf(&table, "%-74s %s\n", w.name, "left to a run without the race detector")
			continue
		}
		r := explore(t, w)
		fmt.Fprintf(&table, "%-74s %10d %12d %6d %6d %8d %8s\n",
			w.name, r.States, r.Transitions, r.Depth, r.Ends, r.Longest, r.Elapsed.Round(time.Millisecond))
		states, transitions, took = states+r.States, transitions+r.Transitions, took+r.Elapsed
	}
	fmt.Fprintf(&table, "%-74s %10d %12d %32s\nproved of every state:\n", "together", states, transitions, took.Round(time.Millisecond))
	for _, p := range Properties() {
		fmt.Fprintf(&table, "  - %s\n", p)
	}
	t.Log(table.String())
}

func explore(t *testing.T, what world) search.Result[State, Move] {
	t.Helper()
	w := New(what.cfg)
	r, err := search.Run(w, search.Options{Progress: func(states, transitions, depth int, elapsed time.Duration) {
		t.Logf("%s: %d states, %d transitions, depth %d, %v", what.name, states, transitions, depth, elapsed.Round(time.Millisecond))
	}})
	if err != nil {
		t.Fatalf("%s: %v", what.name, err)
	}
	if r.Violation != nil {
		t.Fatalf("%s: after %d states\n%s", what.name, r.States, w.Transcript(r.Violation))
	}
	return r
}
