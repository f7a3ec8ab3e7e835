package outbox

import (
	"errors"
	"testing"
	"time"
)

// Rows that trickle share transactions; a backlog does not wait.
func TestRelay_PacesTransactionsUnlessMoreWaits(t *testing.T) {
	scenario(t, func(w *world) {
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
		w.run("trickle", w.settled, nil)
		if took := time.Since(since); took < p.relay.cfg.Pace {
			w.fatalf("the next transaction began %s after the last", took)
		}
	})
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
