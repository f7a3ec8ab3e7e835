package sim_test

import (
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/sim"
)

func TestExplore_FindsNothingWrongWithBothHops(t *testing.T) {
	r := sim.Explore(t, 1, 300, parts{}.counting)
	t.Log(r)
}

// One seed is one schedule: whatever failed can be looked at again.
func TestSimulate_RepeatsItself(t *testing.T) {
	for seed := range uint64(40) {
		first := sim.Simulate(t, sim.Plan{Seed: seed}, true, parts{}.counting)
		second := sim.Simulate(t, sim.Plan{Seed: seed}, true, parts{}.counting)
		if first.Hash == second.Hash {
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
