package inbox_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/inbox"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

// notCaughtUp fails the test if the barrier passes although it should not: it
// waits long enough for several looks.
func (w *world) notCaughtUp(in *inbox.Inbox) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := in.CaughtUp(ctx, time.Now()); !errors.Is(err, context.DeadlineExceeded) {
		w.t.Errorf("got %v, want the barrier to hold", err)
	}
}

// Hazard 14: after an outage the backlog is read before a deadline fires.
func TestCaughtUp_HoldsUntilTheBacklogIsHandled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2, "orders")
	for i := range 50 {
		w.publish(message("orders", int32(i%2), "k", fmt.Sprint(i)))
	}
	release := make(chan struct{})
	w.setHandle(func(ctx context.Context, tx eventstore.Tx, unit *eventstore.Unit, records []inbox.Record) error {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return countValues(ctx, tx, unit, records)
	})
	in := w.start(config("g", "orders"))
	w.notCaughtUp(in.Inbox)
	close(release)
	w.caughtUp(in)
	if n := len(w.effects()); n != 50 {
		t.Errorf("the barrier passed after %d of 50 effects", n)
	}
}

// Hazard 14: the position that is compared is the database's, so that whoever
// reads, the barrier holds for all replicas alike.
func TestCaughtUp_LooksAtAllReplicas(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2, "orders")
	w.publish(message("orders", 0, "a", "1"), message("orders", 1, "b", "2"))
	idle := w.newInbox(config("g", "orders"), nil) // has no assignment: it does not run
	w.notCaughtUp(idle)
	w.start(config("g", "orders"))
	w.caughtUp(idle)
	w.wantEffects("1", "2")
}

func TestCaughtUp_PassesWhatHoldsNothingToRead(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(w *world){
		"empty topic": func(*world) {},
		"aborted records and markers only": func(w *world) {
			w.abort(message("orders", 0, "a", "never"))
			w.abort(message("orders", 1, "a", "never"))
		},
		"a marker is last": func(w *world) {
			w.publish(message("orders", 0, "a", "1"))
			w.abort(message("orders", 0, "a", "never"))
		},
		"all was deleted": func(w *world) {
			w.publish(message("orders", 0, "a", "1"))
			w.truncate("orders", 0, w.end("orders", 0))
		},
		"tombstones": func(w *world) { w.publish(tombstone("orders", 0, "a"), tombstone("orders", 1, "b")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 2, "orders")
			prepare(w)
			w.caughtUp(w.start(config("g", "orders")))
		})
	}
}

// A transaction that is open holds back what comes after it, but not the barrier:
// nothing of it is committed yet.
func TestCaughtUp_DoesNotWaitForAnOpenTransaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, "orders")
	w.publish(message("orders", 0, "a", "1"))
	open := w.begin(message("orders", 0, "a", "2"))
	in := w.start(config("g", "orders"))
	w.caughtUp(in)
	w.wantEffects("1")
	w.must(open.Commit(t.Context()))
	w.caughtUp(in)
	w.wantEffects("1", "2")
}

// A partition at rest must be seen to be caught up while another one is never at
// rest, or no deadline would fire under load.
func TestCaughtUp_PassesUnderConstantLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2, "orders")
	ctx, stop := context.WithCancel(t.Context())
	w.publish(message("orders", 0, "busy", "first"))
	in := w.start(config("g", "orders"))
	var load sync.WaitGroup
	load.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			w.publish(message("orders", 0, "busy", fmt.Sprint("busy", i)))
		}
	})
	for range 3 {
		w.abortIdle(message("orders", 1, "idle", "never")) // its marker comes alone
		w.caughtUp(in)
	}
	stop()
	load.Wait()
}

// abortIdle aborts a transaction of another writer.
func (w *world) abortIdle(records ...kafka.Record) {
	w.t.Helper()
	p, err := kafka.NewProducer(w.newClient(), kafka.ProducerConfig{TransactionalID: "another writer"})
	w.must(err)
	w.must(p.Init(w.t.Context()))
	txn, err := p.Begin()
	w.must(err)
	w.must(txn.Produce(w.t.Context(), records...))
	w.must(txn.Abort(w.t.Context()))
}

func TestCaughtUp_WaitsForABrokerAndADatabaseThatAreAway(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ away, back func(w *world) }{
		"broker": {
			func(w *world) {
				w.cluster.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.ListOffsets), Times: kafkatest.Always, Drop: true})
			},
			func(w *world) { w.cluster.Proxy.Clear() },
		},
		"database": {func(w *world) { w.store.SetAway(true) }, func(w *world) { w.store.SetAway(false) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1, "orders")
			w.publish(message("orders", 0, "a", "1"))
			in := w.start(config("g", "orders"))
			w.caughtUp(in)
			c.away(w)
			w.notCaughtUp(in.Inbox)
			c.back(w)
			w.caughtUp(in)
		})
	}
}

// What was proven for a moment is not asked again for an earlier one, and a caller
// that waits behind another leaves when its context ends.
func TestCaughtUp_CallersShareWhatIsProven(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, "orders")
	w.publish(message("orders", 0, "a", "1"))
	in := w.newInbox(config("g", "orders"), nil)
	before := time.Now()
	running, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() { first <- in.CaughtUp(running, before) }()
	w.eventually("the first asks", func() bool { return len(kafkatest.Requests[*kmsg.ListOffsetsRequest](w.cluster.Proxy)) > 0 })
	w.notCaughtUp(in) // behind the first
	reader := w.start(config("g", "orders"))
	check(t, <-first)
	cancel()
	asked := len(kafkatest.Requests[*kmsg.ListOffsetsRequest](w.cluster.Proxy))
	check(t, reader.stop())
	check(t, in.CaughtUp(t.Context(), before))
	if again := len(kafkatest.Requests[*kmsg.ListOffsetsRequest](w.cluster.Proxy)); again != asked {
		t.Errorf("%d requests for what was proven", again-asked)
	}
}

// Hazard 14: a position of a topic that is gone proves nothing about its successor.
func TestCaughtUp_IsNotFooledByATopicThatWasMadeAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, "orders")
	w.move(eventstore.Move{Topic: "orders", TopicID: w.topicID("orders"), To: 1000})
	w.recreate("orders", 1)
	w.publish(message("orders", 0, "a", "1"))
	w.notCaughtUp(w.newInbox(config("g", "orders"), nil))
}
