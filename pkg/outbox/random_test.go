package outbox

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
)

// Everything at once, by chance: commits, rows that become visible late, lost
// requests and answers, crashes, pauses of any length, relays that never learn
// that they lost the lease. OUTBOX_SEED replays one run.
func TestRelay_KeepsThePromiseInRandomWorlds(t *testing.T) {
	first, runs := uint64(1), uint64(2000)
	if s, err := strconv.ParseUint(os.Getenv("OUTBOX_SEED"), 10, 64); err == nil {
		first, runs = s, 1
	}
	for seed := first; seed < first+runs && !t.Failed(); seed++ {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.trace = append(w.trace, fmt.Sprintf("OUTBOX_SEED=%d", seed))
			w.random(rand.New(rand.NewPCG(seed, 0)))
			w.drain()
			w.finish()
		})
	}
}

func (w *world) random(r *rand.Rand) {
	kinds := [][]func(*process){nil, {patient}, {lying}}
	begin := func() {
		w.start(fmt.Sprintf("relay-%d", len(w.processes)), kinds[r.IntN(len(kinds))]...)
	}
	w.marks = r.IntN(2) == 0
	faulty := r.IntN(3) // per cent of calls
	restless := 1 + r.IntN(60)
	for range 1 + r.IntN(3) {
		begin()
	}
	active := 0
	for range 100 + r.IntN(200) {
		if r.IntN(8) == 0 {
			w.write(r)
		}
		if r.IntN(100) < restless {
			active = r.IntN(len(w.processes))
		}
		ready := w.ready(w.processes[active])
		switch {
		case len(ready) == 0 && r.IntN(3) > 0:
			active = r.IntN(len(w.processes))
		case len(ready) == 0:
			w.tick()
		case r.IntN(100) >= faulty:
			w.grant(ready[r.IntN(len(ready))], granted)
		default:
			o := outcome(r.IntN(int(outcomes)))
			w.grant(ready[r.IntN(len(ready))], o)
			if o == crash || o == lateCrash {
				begin()
			}
		}
	}
	w.land()
	// Somebody honest must be left to finish the work.
	w.start("last")
}

// write commits rows, or leaves one to become visible late. A stream with a row
// in an open transaction is locked.
func (w *world) write(r *rand.Rand) {
	stream := string(rune('a' + r.IntN(4)))
	switch {
	case len(w.late) > 0 && r.IntN(2) == 0:
		w.land()
	case len(w.late) == 0 && r.IntN(3) == 0:
		w.begin(stream)
	case len(w.late) == 0 || w.late[0].Stream.ID != stream:
		w.commit(stream)
	}
}
