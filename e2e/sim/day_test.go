package sim

import (
	"os"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/cmd/murmur/replay"
	"github.com/murmuration-dev/murmuration/pkg/sim"
)

// One real day from the first invoice to the last, with a fault in every five
// minutes of it; its first hour in the ordinary run.
func TestSimulation_ARealDayHolds(t *testing.T) {
	t.Parallel()
	s := services(t)
	file, err := replay.Day()
	if err != nil {
		t.Fatal(err)
	}
	first, _ := sim.Seeds(t, 1, 1, 1)
	part := time.Hour // in the ordinary run
	if os.Getenv(sim.CountVar) != "" {
		part = 24 * time.Hour
	}
	began := time.Now()
	r := sim.Run(t, first, s.Day(file, part))
	t.Logf("%s simulated in %s: %d events, faults %v", r.Simulated.Round(time.Second), time.Since(began).Round(time.Millisecond), r.Events, r.Injected)
}
