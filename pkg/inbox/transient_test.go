package inbox_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/aggregate/aggregatetest"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/inbox"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

var errAway = errors.New("registry is away")

// Hazard 13: what may pass never parks a key. Each case breaks something, sees
// that it shows, mends it, and sees that all took effect once.
func TestInbox_TransientFailuresNeverParkAKey(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fail, mend func(w *world)
		shows      string // in Status.Failing
	}{
		"registry": {
			func(w *world) {
				w.setDecode(func(context.Context, kafka.Record) (any, error) { return nil, errAway })
			},
			func(w *world) { w.setDecode(nil) },
			"decode orders/0@0: registry is away",
		},
		"database": {
			func(w *world) { w.store.SetAway(true) },
			func(w *world) { w.store.SetAway(false) },
			"database is away",
		},
		"handler": {
			func(w *world) {
				w.setHandle(func(context.Context, eventstore.Tx, *eventstore.Unit, []inbox.Record) error { return errAway })
			},
			func(w *world) { w.setHandle(nil) },
			"registry is away",
		},
		"handler blames a record without saying that it always fails": {
			func(w *world) {
				w.setHandle(func(context.Context, eventstore.Tx, *eventstore.Unit, []inbox.Record) error {
					return &inbox.RecordError{Index: 0, Err: errAway}
				})
			},
			func(w *world) { w.setHandle(nil) },
			"record 0 of the batch: registry is away",
		},
		"panic of the handler": {
			func(w *world) {
				w.setHandle(func(context.Context, eventstore.Tx, *eventstore.Unit, []inbox.Record) error { panic("a mistake") })
			},
			func(w *world) { w.setHandle(nil) },
			"panic: a mistake",
		},
		"panic of the decoder": {
			func(w *world) {
				w.setDecode(func(context.Context, kafka.Record) (any, error) { panic("a mistake") })
			},
			func(w *world) { w.setDecode(nil) },
			"decode orders/0@0: panic: a mistake",
		},
		"commit": {
			func(w *world) {
				w.store.OnCommit(func(eventstore.Unit, func() error) error { return errors.New("disk is full") })
			},
			func(w *world) { w.store.OnCommit(nil) },
			"disk is full",
		},
		"broker": {
			func(w *world) {
				for _, api := range []int16{int16(kmsg.Fetch), int16(kmsg.JoinGroup)} {
					w.cluster.Proxy.Inject(kafkatest.Fault{Key: api, Times: kafkatest.Always, Drop: true})
				}
			},
			func(w *world) { w.cluster.Proxy.Clear() },
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1, "orders")
			w.publish(message("orders", 0, "a", "1"), message("orders", 0, "b", "2"), message("orders", 0, "a", "3"))
			c.fail(w)
			in := w.start(config("g", "orders"))
			w.eventually("the failure shows", func() bool {
				err := in.Status().Failing
				return err != nil && strings.Contains(err.Error(), c.shows)
			})
			if name != "database" && len(w.effects()) != 0 {
				t.Errorf("got effects %v meanwhile", w.effects())
			}
			c.mend(w)
			w.caughtUp(in)
			w.wantEffects("1", "2", "3")
			if got := w.parked(); len(got) != 0 {
				t.Errorf("got %v parked", got)
			}
			w.eventually("the failure is over", func() bool { return in.Status().Failing == nil })
		})
	}
}

func TestInbox_AFailureIsOverWithoutANewRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, "orders")
	in := w.start(config("g", "orders"))
	w.eventually("it reads", func() bool { return in.Status().Assigned == 1 })
	fetch := w.cluster.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.Fetch), Times: kafkatest.Always, Code: 1000})
	w.eventually("the failure shows", func() bool { return in.Status().Failing != nil })
	fetch.Remove()
	w.eventually("the failure is over", func() bool { return in.Status().Failing == nil })
}

// The compare-and-set of the positions finds out what became of a commit whose
// answer was lost.
func TestInbox_AnUnknownOutcomeHasItsEffectOnce(t *testing.T) {
	t.Parallel()
	for name, outcome := range map[string]aggregatetest.Commit{"lost": aggregatetest.Vanished, "landed": aggregatetest.Landed} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 2, "orders")
			w.store.Once(outcome)
			w.publish(message("orders", 0, "a", "1"), message("orders", 1, "b", "2"), message("orders", 0, "c", "unreadable"))
			in := w.start(config("g", "orders"))
			w.caughtUp(in)
			w.publish(message("orders", 0, "a", "3"))
			w.caughtUp(in)
			w.wantEffects("1", "2", "3")
			if got := w.parked(); len(got) != 1 {
				t.Errorf("got %v parked", got)
			}
		})
	}
}

// The worst of the truths: the commit lands after it was looked for.
func TestInbox_AnUnknownCommitThatLandsLateHasItsEffectOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, "orders")
	var late atomic.Pointer[eventstore.Unit]
	w.store.Once(func(u eventstore.Unit, _ func() error) error {
		late.Store(&u)
		return aggregatetest.Vanished(u, nil)
	})
	w.publish(message("orders", 0, "a", "1"), message("orders", 0, "b", "2"))
	w.setHandle(func(ctx context.Context, tx eventstore.Tx, unit *eventstore.Unit, records []inbox.Record) error {
		if u := late.Swap(nil); u != nil {
			// Looked for and not found: now, before the second try, it lands. The
			// store of these tests runs one unit at a time, so this one gives way.
			tx.Rollback()
			other, err := w.store.Store.Begin(ctx)
			if err != nil {
				return err
			}
			defer other.Rollback()
			if _, err := other.Load(ctx, streamOf("a"), streamOf("b")); err != nil {
				return err
			}
			return errors.Join(other.Commit(ctx, *u), errors.New("the second try comes too late"))
		}
		return countValues(ctx, tx, unit, records)
	})
	w.caughtUp(w.start(config("g", "orders")))
	w.wantEffects("1", "2")
}

func TestInbox_AConflictOnAStreamIsHandledAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, "orders")
	var conflicts atomic.Int32
	w.store.OnCommit(func(u eventstore.Unit, commit func() error) error {
		if conflicts.Add(1) <= 3 {
			return aggregatetest.Conflicting(u, commit)
		}
		return commit()
	})
	w.publish(message("orders", 0, "a", "1"), message("orders", 0, "b", "unreadable"))
	in := w.start(config("g", "orders"))
	w.caughtUp(in)
	w.wantEffects("1")
	if got := w.parked(); len(got) != 1 {
		t.Errorf("got %v parked", got)
	}
	if in.Status().Failing != nil {
		t.Errorf("got status %v: a conflict is no failure", in.Status().Failing)
	}
}

// The batch under way when the inbox stops is committed as a whole or not at all,
// and Run waits to see which. What was committed is also reported.
func TestInbox_StopsInTheMiddleOfACommit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		outcome aggregatetest.Commit
		landed  bool
	}{
		"that succeeds":           {func(_ eventstore.Unit, commit func() error) error { return commit() }, true},
		"that fails":              {func(eventstore.Unit, func() error) error { return errAway }, false},
		"that lands unknown":      {aggregatetest.Landed, true},
		"that is lost on its way": {aggregatetest.Vanished, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1, "orders")
			begun, release := make(chan struct{}), make(chan struct{})
			w.store.Once(func(u eventstore.Unit, commit func() error) error {
				err := c.outcome(u, commit)
				close(begun)
				<-release
				return err
			})
			w.publish(message("orders", 0, "a", "1"))
			in := w.start(config("g", "orders"))
			<-begun
			in.cancel()
			select {
			case <-in.ended:
				t.Error("Run returned beside its commit")
			case <-time.After(100 * time.Millisecond): // long enough for it to return, were it to
			}
			close(release)
			check(t, in.wait())
			if w.store.Open() != 0 {
				t.Error("a unit was left open")
			}
			if n := len(w.effects()); (n == 1) != c.landed {
				t.Errorf("got %d effects", n)
			}
			if name == "that succeeds" && w.reported("g", "orders") != w.position("orders", 0) {
				t.Errorf("got %d reported, want the position %d", w.reported("g", "orders"), w.position("orders", 0))
			}
			w.caughtUp(w.start(config("g", "orders")))
			w.wantEffects("1")
		})
	}
}
