package outbox

import (
	"errors"
	"testing"
	"time"
)

// Rows that trickle share transactions; a backlog does not wait.
func TestRelay_PacesTransactionsUnlessMoreWaits(t *testing.T) {
	scenario(t, func(w *world) {
		waits := func(after string, pace time.Duration) {
			w.t.Helper()
			w.wait(pace - time.Microsecond)
			if w.requested("pending") {
				w.fatalf("after %s the next rows are read sooner than after %s", after, pace)
			}
			w.wait(time.Microsecond)
			if !w.requested("pending") {
				w.fatalf("after %s the next rows are read later than after %s", after, pace)
			}
			w.run("trickle", w.settled, nil)
		}
		p := w.start("only")
		w.pass(time.Second)
		since := time.Now()
		w.commit("a", "b", "c", "d", "e")
		w.run("backlog", func() bool { return len(w.visible("order-positions")) == 3 }, nil)
		if took := time.Since(since); took > 0 {
			w.fatalf("a backlog of three batches took %s", took)
		}
		w.run("deletion", w.settled, nil)
		w.commit("a")
		waits("half a batch", p.relay.cfg.Pace/2)
		w.commit("b", "c")
		w.run("trickle", w.settled, nil)
		w.commit("d")
		waits("a whole batch", p.relay.cfg.Pace)
	})
}

// The pace is in proportion to what came, up to a few rows.
func TestConfig_PaceAfterARow(t *testing.T) {
	cfg := Config{Pace: 4 * time.Millisecond}.withDefaults()
	for rows, want := range map[int]time.Duration{0: 0, 1: 500 * time.Microsecond, 4: 2 * time.Millisecond, 8: 4 * time.Millisecond, 4000: 4 * time.Millisecond} {
		if got := cfg.paceAfter(rows); got != want {
			t.Errorf("after %d rows: %s, want %s", rows, got, want)
		}
	}
}

// While one batch is committed the next is read, and nothing of it is written.
func TestRelay_LooksAheadWhileItCommits(t *testing.T) {
	scenario(t, func(w *world) {
		w.commit("a", "b", "c")
		w.start("only")
		commit := w.until("commit")
		if !w.requested("pending") {
			w.fatalf("nothing is read while the first batch is committed")
		}
		w.grant(w.until("pending"), granted)
		if w.requested("produce") {
			w.fatalf("the second batch is written before the first is committed")
		}
		w.grant(commit, granted)
		w.drain()
	})
}

// A batch that takes long to write is not committed on the word of a database
// that was asked before.
func TestRelay_Hazard09_AsksAgainAfterALongWrite(t *testing.T) {
	scenario(t, func(w *world) {
		w.commit("a", "b", "c")
		p := w.start("only")
		w.run("publish", w.settled, nil)
		w.commit("f")
		produce := w.until("produce")
		w.grant(w.until("state"), granted)
		w.pass(2*watchFor, produce)
		w.state.Batch = 1 // of two: the database is set back
		w.grant(produce, granted)
		var rewound *StoreRewoundError
		if err := w.result(p); !errors.As(err, &rewound) {
			w.fatalf("%v", err)
		}
		if n := len(w.visible("orders")); n != 3 {
			w.fatalf("%d records published, not 3", n)
		}
		w.rows = nil
		delete(w.versions, "f") // for a person to decide
	})
}

// A deletion tells that the database is where it was, but not for long.
func TestRelay_Hazard09_AsksAgainLongAfterADeletion(t *testing.T) {
	scenario(t, func(w *world) {
		w.commit("a", "b", "c")
		p := w.start("only")
		deletion := w.until("published 1")
		produce := w.until("produce")
		w.grant(deletion, granted)
		w.pass(2*watchFor, produce)
		w.state.Batch = 0 // of one: the database is set back
		w.grant(produce, granted)
		var rewound *StoreRewoundError
		if err := w.result(p); !errors.As(err, &rewound) {
			w.fatalf("%v", err)
		}
		if n := len(w.visible("orders")); n != 2 {
			w.fatalf("%d records published, not 2", n)
		}
		w.rows = nil
		delete(w.versions, "c") // for a person to decide
	})
}
