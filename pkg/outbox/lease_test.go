package outbox

import (
	"errors"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// steal makes somebody else the holder, as after a pause that was too long.
func (w *world) steal() {
	w.lease = eventstore.LeaseState{Owner: "thief", Counter: w.lease.Counter + 1}
}

// The lease is lost at every step; the relay notices at its next renewal, stops
// without another word to the log, and stands by until the thief is gone.
func TestRelay_StopsWhenTheLeaseIsLostAtAnyStep(t *testing.T) {
	explore(t, func(w *world, x *explorer) {
		w.commit("a", "b", "a")
		p := w.start("only")
		stolen, noticed := false, false
		w.run("steal", w.feed("a", "c"), func(c *call) outcome {
			if !stolen && x.choose(2) == 1 {
				stolen = true
				w.steal()
			}
			if noticed && (c.op == "produce" || c.op == "commit" || c.op == "init 0") && w.lease.Owner == "thief" {
				w.fatalf("%s after the lease was lost", c.op)
			}
			noticed = noticed || stolen && c.op == "swap"
			return granted
		})
		w.drain()
		if !p.relay.Status().Leader {
			w.fatalf("did not come back")
		}
	})
}

// Without the database a leader cannot renew. It steps back before anybody else
// could have taken over, and leads again when the database is back.
func TestRelay_StepsBackWhileTheDatabaseIsAway(t *testing.T) {
	scenario(t, func(w *world) {
		p := w.start("only")
		w.pass(time.Second)
		since := time.Now()
		away := func(*call) outcome { return lost }
		w.run("away", func() bool { return !p.relay.Status().Leader }, away)
		if took := time.Since(since); took > testTTL {
			w.fatalf("trusted its lease for %s", took)
		}
		w.grant(w.until("lease"), lost)
		if status := p.relay.Status(); status.LastError == nil {
			w.fatalf("no word about the database")
		}
		w.commit("a")
		w.drain()
		if status := p.relay.Status(); status.LastError != nil {
			w.fatalf("still says %v", status.LastError)
		}
	})
}

// A swap whose answer was lost moves the counter; the holder recognises itself.
func TestRelay_KeepsTheLeaseWhenARenewalIsUnheard(t *testing.T) {
	scenario(t, func(w *world) {
		p := w.start("only")
		w.pass(time.Second)
		for range 5 {
			w.grant(w.until("swap"), unheard)
			w.pass(time.Second)
			if !p.relay.Status().Leader || w.ids[0].epoch > 1 {
				w.fatalf("lost the lease to itself")
			}
		}
	})
}

// A clean stop brings the batch in flight to its end and hands the lease over.
func TestRelay_DrainsAndHandsOver(t *testing.T) {
	scenario(t, func(w *world) {
		w.commit("a", "b")
		first := w.start("first")
		second := w.start("second")
		commit := w.until("commit")
		first.cancel()
		w.grant(commit, granted)
		if err := w.result(first); err != nil {
			w.fatalf("%v", err)
		}
		if len(w.rows) != 0 || w.lease.Owner != "" {
			w.fatalf("left %d rows and the lease to %q", len(w.rows), w.lease.Owner)
		}
		since := time.Now()
		w.run("hand over", func() bool { return second.relay.Status().Leader }, nil)
		if took := time.Since(since); took > testTTL/2 {
			w.fatalf("took %s", took)
		}
	})
}

// A stop ends a stuck batch after the drain time-out, and what it left behind is
// recovered by the next.
func TestRelay_StopIsBounded(t *testing.T) {
	scenario(t, func(w *world) {
		w.commit("a", "b")
		first := w.start("first")
		w.until("commit")
		first.dead = true // its calls are answered no more
		first.cancel()
		since := time.Now()
		if err := w.result(first); err != nil {
			w.fatalf("%v", err)
		}
		if took := time.Since(since); took > 10*time.Second {
			w.fatalf("took %s", took)
		}
		w.start("second")
		w.drain()
	})
}

// A leader that does not get through to the log lets a standby try.
func TestRelay_StepsDownWhenTheLogIsOutOfReach(t *testing.T) {
	scenario(t, func(w *world) {
		first := w.start("first")
		w.pass(time.Second)
		second := w.start("second")
		w.refuse = errors.New("no route to host")
		w.commit("a")
		cut := func(c *call) outcome {
			if c.by == first && (c.op == "init 0" || c.op == "produce") {
				return lost
			}
			return granted
		}
		w.run("step down", func() bool { return second.relay.Status().Leader }, cut)
		w.refuse = nil
		w.run("publish", w.settled, cut)
	})
}

func TestRelay_RunsOnce(t *testing.T) {
	scenario(t, func(w *world) {
		p := w.start("only")
		w.pass(time.Second)
		if err := p.relay.Run(t.Context()); err == nil {
			w.fatalf("ran twice")
		}
		if err := p.relay.Adopt(t.Context()); err == nil {
			w.fatalf("adopted while running")
		}
	})
}

// A process that was paused for longer than its lease, in the middle of a batch,
// does not commit when it comes back.
func TestRelay_CommitsNothingAfterAPause(t *testing.T) {
	scenario(t, func(w *world) {
		w.commit("a", "b")
		w.start("paused", patient)
		produce := w.until("produce")
		for since := time.Now(); time.Since(since) < 2*testTTL; {
			w.tick()
		}
		w.grant(produce, granted)
		if w.requested("commit") {
			w.fatalf("committed on a lease that ran out")
		}
		w.drain()
	})
}

// A leader that starts again asks for its lease before it fences anybody.
func TestRelay_NeverInitialisesWithoutTheLease(t *testing.T) {
	scenario(t, func(w *world) {
		w.start("only")
		w.pass(time.Second)
		w.grant(w.until("swap"), granted) // the next renewal is far: it would notice
		w.refuse = errors.New("connection reset")
		w.commit("a")
		w.grant(w.until("produce"), granted)
		w.steal()
		w.refuse = nil
		w.run("thief", func() bool {
			if w.requested("init 0") && w.lease.Owner == "thief" {
				w.fatalf("initialised under the lease of somebody else")
			}
			return w.settled()
		}, nil)
	})
}
