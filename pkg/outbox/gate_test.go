package outbox

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// reader is what a service reads records with: it runs once it may.
type reader struct{ started atomic.Bool }

// read starts a task that waits for the recovery of a process's relay.
func (p *process) read() *reader {
	r := &reader{}
	task := p.relay.AfterRecovery(func(ctx context.Context) error {
		r.started.Store(true)
		<-ctx.Done()
		return nil
	})
	go func() {
		if err := task(p.world.t.Context()); err != nil {
			panic(err)
		}
	}()
	return r
}

func TestRelay_ReadersWaitUntilItRecovered(t *testing.T) {
	scenario(t, func(w *world) {
		w.commit("a")
		p := w.start("only")
		r := p.read()
		last := w.until("last")
		if r.started.Load() || p.relay.Recovered() {
			w.fatalf("reads before the database was compared with the log")
		}
		w.grant(last, granted)
		w.drain()
		if !r.started.Load() || !p.relay.Recovered() {
			w.fatalf("does not read after all")
		}
	})
}

// One batch back, with or without another row of the same name: whatever the relay
// finds, nobody has acted on it.
func TestRelay_NothingReadsForADatabaseThatWasSetBack(t *testing.T) {
	scenario(t, func(w *world) {
		w.crashed("a", "b", "c")
		w.state.Batch, w.state.PositionOffset = w.state.Batch-1, 0
		p := w.start("second")
		r := p.read()
		var rewound *StoreRewoundError
		if err := w.result(p); !errors.As(err, &rewound) {
			w.fatalf("%v", err)
		}
		if r.started.Load() || p.relay.Recovered() {
			w.fatalf("reads for a database that was set back")
		}
	})
}

// A replica without the lease need not get it: that one which recovered renews the
// lease is enough, and takes a renewal or two.
func TestRelay_ReadersOfAReplicaStartWithoutTheLease(t *testing.T) {
	scenario(t, func(w *world) {
		first := w.start("first")
		last := w.until("last")
		second := w.start("second")
		r := second.read()
		w.pass(testTTL, last)
		if r.started.Load() {
			w.fatalf("reads before anybody has recovered")
		}
		w.grant(last, granted)
		w.pass(testTTL)
		if !r.started.Load() || !first.relay.Status().Leader || second.relay.Status().Leader {
			w.fatalf("waits for the lease")
		}
	})
}

// A database that was set back brings along a lease which says that somebody
// recovered, long ago. Nobody renews it.
func TestRelay_ALeaseOfThePastVouchesForNothing(t *testing.T) {
	scenario(t, func(w *world) {
		w.crashed("a", "b", "c")
		if w.lease.Owner == holder(w.lease) {
			w.fatalf("the lease says %q, not that its owner has recovered", w.lease.Owner)
		}
		p := w.start("second")
		r := p.read()
		last := w.until("last")
		if r.started.Load() {
			w.fatalf("believes a lease that nobody renews")
		}
		w.grant(last, granted)
		w.drain()
	})
}

// The lease's counter only grows. A leader which finds it lower, though it bears
// its own name, recovers anew, without waiting for something to publish.
func TestRelay_Hazard09_NoticesByItsLeaseThatTheDatabaseWasSetBack(t *testing.T) {
	scenario(t, func(w *world) {
		w.commit("a", "b", "c", "d", "e")
		p := w.start("first")
		lease := eventstore.LeaseState{}
		w.run("publish", func() bool {
			if w.state.Batch == 1 {
				lease = w.lease
			}
			return w.settled()
		}, nil)
		w.pass(testTTL) // to renewals after the copy
		w.state.Batch, w.lease = 1, lease
		var rewound *StoreRewoundError
		if err := w.result(p); !errors.As(err, &rewound) || rewound.StoreBatch != 1 || rewound.LogBatch != 3 {
			w.fatalf("%v", err)
		}
	})
}

// A process that is stopped before anybody recovered ends without having read.
func TestRelay_AStopEndsWhatWaitsForRecovery(t *testing.T) {
	w := newWorld(t)
	p := w.prepare("only")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	task := p.relay.AfterRecovery(func(context.Context) error { return errors.New("started") })
	if err := task(ctx); err != nil {
		t.Fatal(err)
	}
}
