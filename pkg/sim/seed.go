package sim

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// Environment variables that choose the schedules of a test; see [Seeds].
const (
	// CountVar is how many schedules are run.
	CountVar = "SIM_SEEDS"
	// FirstVar is the seed of the first one.
	FirstVar = "SIM_FIRST"
)

// Seeds returns which schedules a test runs: those that the environment asks for,
// of which this test takes part of whole, or else n schedules from a fresh seed on,
// which it logs. Seeds that failed once belong into tests of their own.
func Seeds(t *testing.T, n, part, whole int) (first uint64, count int) {
	t.Helper()
	first, count = uint64(rand.Uint32()), n
	if text := os.Getenv(FirstVar); text != "" {
		v, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", FirstVar, err)
		}
		first = v
	}
	if text := os.Getenv(CountVar); text != "" {
		v, err := strconv.Atoi(text)
		if err != nil || v < 1 {
			t.Fatalf("%s is %q: expected a number of schedules", CountVar, text)
		}
		count = max(1, v*part/whole)
	}
	t.Logf("seeds %d to %d (%s=%d repeats them)", first, first+uint64(count)-1, FirstVar, first)
	return first, count
}
