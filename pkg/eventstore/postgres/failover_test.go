package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres/postgrestest"
	"github.com/murmuration-dev/murmuration/pkg/outbox"
)

// primary starts a server that the test may kill; nil where it cannot.
func primary(t *testing.T) *postgrestest.Server {
	t.Helper()
	needServer(t)
	if !server.Own() {
		t.Log("not proved: the server is not this test's to kill")
		return nil
	}
	s, err := postgrestest.StartOwn(within(t))
	check(t, err)
	stopAfter(t, s)
	return s
}

func stopAfter(t *testing.T, s *postgrestest.Server) {
	t.Helper()
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
}

func standby(t *testing.T, of *postgrestest.Server) *postgrestest.Server {
	t.Helper()
	s, err := of.Standby(within(t), "standby")
	check(t, err)
	stopAfter(t, s)
	return s
}

func pair(t *testing.T, a, b *postgrestest.Server) string {
	t.Helper()
	url, err := postgrestest.Pair(a, b)
	check(t, err)
	return url
}

// The machine of the primary is lost while many commit and a relay publishes. The
// standby that every commit waited for takes over: what was acknowledged is
// there, each version is in the log once, and nobody has to be started again.
func TestStore_LosesNothingWhenASynchronousStandbyIsPromoted(t *testing.T) {
	first := primary(t)
	if first == nil {
		return
	}
	second := standby(t, first)
	check(t, first.Synchronize(within(t), "standby"))
	s := openAt(t, pair(t, first, second))
	log := newLog(t)
	relay := log.start(log.relay(s))
	load := startLoad(s, 6)
	load.grow(t, 20)
	check(t, first.Crash())
	check(t, second.Promote(within(t)))
	load.grow(t, 20)
	load.stop()
	load.check(t, s)
	log.drained(s)
	relay.stop()
	log.holdsOnce(load.versions(t, s))
}

// A standby that had not received everything is older than the log: the relay
// says so and publishes nothing more.
func TestRelay_StopsWhenAStandbyThatLaggedIsPromoted(t *testing.T) {
	first := primary(t)
	if first == nil {
		return
	}
	second := standby(t, first)
	s := openAt(t, pair(t, first, second))
	log := newLog(t)
	relay := log.start(log.relay(s))
	load := startLoad(s, 4)
	load.grow(t, 5)
	check(t, second.Detach(within(t)))
	before := log.records()
	load.grow(t, 20)
	eventually(t, "more was published than the standby has", func() bool { return log.records() > before+20 })
	check(t, first.Crash())
	check(t, second.Promote(within(t)))
	relay.wantRewound()
	load.stop()
	published := log.records()
	wantRewound(t, log.relay(s).Run(within(t))) // nor does a restart help
	if n := log.records(); n != published {
		t.Errorf("%d records were published into a log that contradicts the database", n-published)
	}
}

// A database that was restored from a backup is older than the log, however
// little: by one record here.
func TestRelay_StopsOnARestoredBackup(t *testing.T) {
	live := primary(t)
	if live == nil {
		return
	}
	ctx := within(t)
	s, err := open(ctx, live.URL())
	check(t, err)
	log := newLog(t)
	relay := log.start(log.relay(s))
	check(t, grow(ctx, s, order("1")))
	log.drained(s)
	backup, err := live.Backup(ctx)
	check(t, err)
	stopAfter(t, backup)
	check(t, grow(ctx, s, order("1")))
	log.drained(s)
	relay.stop()
	check(t, s.Close())
	check(t, live.Stop())

	check(t, backup.Restart(ctx))
	restored := openAt(t, backup.URL())
	if v := version(t, restored, "1"); v != 1 {
		t.Fatalf("the restored stream is at %d, want 1", v)
	}
	err = log.relay(restored).Run(ctx)
	wantRewound(t, err)
	for _, part := range []string{"database is older than its topics", "at batch 1", "at batch 2"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

func wantRewound(t *testing.T, err error) {
	t.Helper()
	var rewound *outbox.StoreRewoundError
	if !errors.As(err, &rewound) || !errors.Is(err, outbox.ErrInconsistent) {
		t.Fatalf("got %v, want that the database is older than the log", err)
	}
}

// load is many workers, each growing a stream of its own.
type load struct {
	cancel  context.CancelFunc
	working sync.WaitGroup

	mu                    sync.Mutex
	acknowledged, unknown []int64
}

func startLoad(s *postgres.Store, workers int) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{cancel: cancel, acknowledged: make([]int64, workers), unknown: make([]int64, workers)}
	for w := range workers {
		l.working.Go(func() {
			for ctx.Err() == nil {
				err := grow(ctx, s, worker(w))
				l.mu.Lock()
				switch {
				case err == nil:
					l.acknowledged[w]++
				case errors.Is(err, eventstore.ErrOutcomeUnknown):
					l.unknown[w]++
				}
				l.mu.Unlock()
			}
		})
	}
	return l
}

func worker(w int) eventstore.StreamID { return order(fmt.Sprint("worker-", w)) }

// grow waits until every worker had n more units acknowledged.
func (l *load) grow(t *testing.T, n int64) {
	t.Helper()
	l.mu.Lock()
	from := append([]int64(nil), l.acknowledged...)
	l.mu.Unlock()
	eventually(t, "all workers commit", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		for w := range from {
			if l.acknowledged[w] < from[w]+n {
				return false
			}
		}
		return true
	})
}

func (l *load) stop() {
	l.cancel()
	l.working.Wait()
}

// check compares what was acknowledged with what is there.
func (l *load) check(t *testing.T, s *postgres.Store) {
	t.Helper()
	for id, v := range l.versions(t, s) {
		var w int
		if _, err := fmt.Sscanf(id, "worker-%d", &w); err != nil {
			t.Fatal(err)
		}
		if v < l.acknowledged[w] || v > l.acknowledged[w]+l.unknown[w] {
			t.Errorf("%s is at %d; %d units were acknowledged, %d are unknown", id, v, l.acknowledged[w], l.unknown[w])
		}
	}
}

func (l *load) versions(t *testing.T, s *postgres.Store) map[string]int64 {
	t.Helper()
	all := make(map[string]int64, len(l.acknowledged))
	for w := range l.acknowledged {
		id := worker(w).ID
		all[id] = version(t, s, id)
	}
	return all
}
