package inbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/murmuration-dev/murmuration/pkg/aggregate/aggregatetest"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/inbox"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

// Each effect happens once, and in the order of the log per key, although two
// zombies own every partition all the time, members come and go, connections are
// cut, a third of the transactions is aborted, and commits conflict or lose their
// answers.
func TestInbox_EveryEffectHappensOnceThroughChaos(t *testing.T) {
	t.Parallel()
	const partitions, visits = 4, 15
	w := newWorld(t, partitions, "orders")
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	w.store.OnCommit(aCommitMayFail(seed))
	w.setHandle(countInOrder)
	cfg := func(group string) inbox.Config {
		c := config(group, "orders")
		c.BatchRecords = 50
		return c
	}
	reg := prometheus.NewRegistry()
	steady := w.startInbox(w.newInbox(cfg("g"), reg))
	readers := []*consumer{steady}
	for _, zombie := range []string{"zombie-1", "zombie-2"} { // alone in its group: no rebalance reaches it
		readers = append(readers, w.start(cfg(zombie)))
	}
	done := make(chan struct{})
	var churn sync.WaitGroup
	churn.Go(func() {
		defer close(done)
		random := rand.New(rand.NewPCG(seed, 1))
		for range visits {
			member := w.start(cfg("g"))
			w.eventually("the visitor has a share", func() bool { return member.Status().Assigned > 0 })
			rest(t.Context(), time.Duration(random.IntN(100))*time.Millisecond)
			check(t, member.stop())
			w.cluster.Proxy.CutAll()
		}
	})
	total := w.produceWithAborts(seed, partitions, done)
	churn.Wait()
	w.store.OnCommit(nil)
	w.caughtUp(steady)
	for _, r := range readers {
		check(t, r.stop())
	}
	effects := w.effects()
	for value, times := range effects {
		if times != 1 {
			t.Errorf("effect %s happened %d times", value, times)
		}
	}
	for i := range total {
		if effects[valueOf(i)] == 0 {
			t.Errorf("effect %d did not happen", i)
		}
	}
	if len(effects) != total || len(w.parked()) != 0 {
		t.Errorf("got %d effects of %d, parked %v", len(effects), total, w.parked())
	}
	t.Logf("%d effects; compare-and-sets that the steady member lost: %v", total, counter(t, reg, "murmuration_inbox_fenced_total"))
}

func counter(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	found, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func valueOf(i int) string { return fmt.Sprintf("%06d", i) }

func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// aCommitMayFail makes one commit in eight fail in some way.
func aCommitMayFail(seed uint64) aggregatetest.Commit {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 2))
	ways := []aggregatetest.Commit{
		aggregatetest.Landed, aggregatetest.Vanished, aggregatetest.Conflicting, aggregatetest.Slow(20 * time.Millisecond),
		func(eventstore.Unit, func() error) error { return errors.New("deadlock detected") },
	}
	return func(u eventstore.Unit, commit func() error) error {
		mu.Lock()
		n := random.IntN(8 * len(ways))
		mu.Unlock()
		if n < len(ways) {
			return ways[n](u, commit)
		}
		return commit()
	}
}

// produceWithAborts publishes the values from 0 on until done, and returns how many.
func (w *world) produceWithAborts(seed uint64, partitions int, done <-chan struct{}) (n int) {
	w.t.Helper()
	random := rand.New(rand.NewPCG(seed, 3))
	for {
		select {
		case <-done:
			return n
		default:
		}
		to := n + 1 + random.IntN(10)
		abort := random.IntN(3) == 0
		var records []kafka.Record
		for i := n; i < to; i++ {
			value := valueOf(i)
			if abort {
				value = "aborted" + value
			}
			records = append(records, message("orders", int32(i%partitions), fmt.Sprint("key", i%(3*partitions)), value))
		}
		if abort {
			w.abort(records...)
		} else {
			w.publish(records...)
			n = to
		}
	}
}

// countInOrder counts values, and as a value of its own each one that comes after
// a later one of its key. A zombie sees such, but cannot commit it.
func countInOrder(ctx context.Context, tx eventstore.Tx, unit *eventstore.Unit, records []inbox.Record) error {
	ids := make([]eventstore.StreamID, len(records))
	for i, r := range records {
		ids[i] = streamOf(string(r.Key))
	}
	rows, err := tx.Load(ctx, ids...)
	if err != nil {
		return err
	}
	seen := make(map[eventstore.StreamID]string)
	for _, row := range rows {
		var value string
		if row.Observed != nil {
			if err := json.Unmarshal(row.Observed, &value); err != nil {
				return err
			}
		}
		seen[row.ID] = value
	}
	var late []inbox.Record
	for i, r := range records {
		value, _ := r.Decoded.(string)
		if value <= seen[ids[i]] {
			r.Decoded = "late" + value
			late = append(late, r)
		}
		seen[ids[i]] = value
	}
	return countValues(ctx, tx, unit, append(late, records...))
}

// Hazards 11 and 12: two topics write to the same streams at the same time. Each
// observation is kept, because the handler locks the stream before it reads it;
// and positions move in one order, so that units of several members never wait
// for each other in a circle.
func TestInbox_ObservationsOfTwoTopicsMeetInOneStream(t *testing.T) {
	t.Parallel()
	const keys, versions = 20, 10
	w := newWorld(t, 3, "payments", "reservations")
	w.store.OnCommit(func(u eventstore.Unit, commit func() error) error {
		if !slices.IsSortedFunc(u.Moves, func(a, b eventstore.Move) int {
			if a.Topic != b.Topic {
				return map[bool]int{true: -1, false: 1}[a.Topic < b.Topic]
			}
			return int(a.Partition - b.Partition)
		}) {
			t.Errorf("positions move in the order %v", u.Moves)
		}
		return commit()
	})
	w.setHandle(observeBoth)
	p, r := w.start(config("p", "payments")), w.start(config("r", "reservations")) // as two members with a topic each
	for v := range versions {
		for _, topic := range []string{"payments", "reservations"} {
			var records []kafka.Record
			for k := range keys {
				records = append(records, message(topic, int32(k%3), fmt.Sprint(k), fmt.Sprint(v)))
			}
			w.publish(records...)
		}
	}
	w.caughtUp(p)
	w.caughtUp(r)
	for k := range keys {
		row, err := w.store.Stream(t.Context(), streamOf(fmt.Sprint(k)))
		w.must(err)
		if want := `{"payments":9,"reservations":9}`; string(row.Observed) != want {
			t.Errorf("stream %d: got %s, want %s", k, row.Observed, want)
		}
	}
}

// observeBoth keeps the highest version of each topic in the key's stream, which
// it locks before it reads. Older versions change nothing: whether a record is
// news is the handler's to tell.
func observeBoth(ctx context.Context, tx eventstore.Tx, unit *eventstore.Unit, records []inbox.Record) error {
	ids := make([]eventstore.StreamID, len(records))
	for i, r := range records {
		ids[i] = streamOf(string(r.Key))
	}
	rows, err := tx.Load(ctx, ids...)
	if err != nil {
		return err
	}
	changes := make(map[eventstore.StreamID]*eventstore.Change)
	for i, r := range records {
		c := changes[ids[i]]
		if c == nil {
			c = &eventstore.Change{Stream: ids[i], Expected: rows[i].Version, State: rows[i].State, Observed: rows[i].Observed}
		}
		seen := make(map[string]int)
		if c.Observed != nil {
			if err := json.Unmarshal(c.Observed, &seen); err != nil {
				return err
			}
		}
		var version int
		if _, err := fmt.Sscan(fmt.Sprint(r.Decoded), &version); err != nil {
			return &inbox.RecordError{Index: i, Err: inbox.Permanent(err)}
		}
		if before, known := seen[r.Topic]; known && version <= before {
			continue
		}
		seen[r.Topic] = version
		if c.Observed, err = json.Marshal(seen); err != nil {
			return err
		}
		changes[ids[i]] = c
	}
	for _, c := range changes {
		unit.Changes = append(unit.Changes, *c)
	}
	return nil
}

func TestInbox_LeavesStaleVersionsToTheHandler(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, "orders")
	w.setHandle(observeBoth)
	in := w.start(config("g", "orders"))
	for _, version := range []string{"1", "3", "3", "2", "5", "4", "not a version"} {
		w.publish(message("orders", 0, "k", version))
	}
	w.caughtUp(in)
	row, err := w.store.Stream(t.Context(), streamOf("k"))
	w.must(err)
	if string(row.Observed) != `{"orders":5}` || !slices.Equal(w.parked(), []string{"k=not a version"}) {
		t.Errorf("got %s, parked %v", row.Observed, w.parked())
	}
}
