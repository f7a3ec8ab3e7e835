package postgres_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
	"github.com/murmuration-dev/murmuration/pkg/outbox"
)

// testLog is a broker for the relays of one test.
type testLog struct {
	t       *testing.T
	brokers []string
	reader  *kafka.Client
}

func newLog(t *testing.T) *testLog {
	t.Helper()
	cluster := kafkatest.StartCluster(t, kfake.SeedTopics(3, "orders"), kfake.SeedTopics(1, "order-positions"))
	l := &testLog{t: t, brokers: cluster.Brokers}
	l.reader = l.client()
	return l
}

func (l *testLog) client() *kafka.Client {
	l.t.Helper()
	c, err := kafka.NewClient(kafka.Config{Brokers: l.brokers})
	check(l.t, err)
	l.t.Cleanup(c.Close)
	return c
}

// relay publishes the outbox of a store. Its lease is short: a relay that was
// killed with its server does not release it.
func (l *testLog) relay(s *postgres.Store) *outbox.Relay {
	l.t.Helper()
	log, err := outbox.NewKafkaLog(l.client(), kafka.ProducerConfig{TransactionalID: "order"})
	check(l.t, err)
	r, err := outbox.New(outbox.Config{
		Relay: "order", PositionsTopic: "order-positions", Owner: "test", LeaseTTL: time.Second, PollInterval: 20 * time.Millisecond,
	}, outbox.Deps{
		Store: s, Log: log,
		EncodePosition: func(p outbox.Position) ([]byte, error) { return json.Marshal(p) },
		DecodePosition: func(_ context.Context, v []byte) (p outbox.Position, err error) {
			err = json.Unmarshal(v, &p)
			return p, err
		},
	})
	check(l.t, err)
	return r
}

// runningRelay runs until it is stopped or finds a contradiction.
type runningRelay struct {
	t      *testing.T
	cancel context.CancelFunc
	ended  chan error
}

func (l *testLog) start(r *outbox.Relay) *runningRelay {
	ctx, cancel := context.WithCancel(context.Background())
	running := &runningRelay{t: l.t, cancel: cancel, ended: make(chan error, 1)}
	go func() { running.ended <- r.Run(ctx) }()
	return running
}

func (r *runningRelay) stop() {
	r.t.Helper()
	r.cancel()
	check(r.t, <-r.ended)
}

func (r *runningRelay) wantRewound() {
	r.t.Helper()
	defer r.cancel()
	select {
	case err := <-r.ended:
		wantRewound(r.t, err)
	case <-time.After(patience):
		r.t.Fatalf("the relay goes on after %s", patience)
	}
}

func (l *testLog) drained(s *postgres.Store) {
	l.t.Helper()
	eventually(l.t, "the outbox is empty", func() bool {
		rows, _, err := s.Backlog(within(l.t))
		return err == nil && rows == 0
	})
}

// each calls fn for every committed record, in the order of its partition.
func (l *testLog) each(fn func(kafka.Record) error) {
	l.t.Helper()
	check(l.t, l.reader.Scan(within(l.t), kafka.ReadCommitted, []string{"orders"}, fn))
}

func (l *testLog) records() (n int) {
	l.t.Helper()
	l.each(func(kafka.Record) error { n++; return nil })
	return n
}

// holdsOnce compares the log with the versions that streams have: each once, in
// order, from the first to the last.
func (l *testLog) holdsOnce(versions map[string]int64) {
	l.t.Helper()
	seen := map[string]int64{}
	l.each(func(r kafka.Record) error {
		var v int64
		for _, h := range r.Headers {
			if h.Key == "version" {
				check(l.t, json.Unmarshal(h.Value, &v))
			}
		}
		if key := string(r.Key); v != seen[key]+1 {
			l.t.Errorf("%s: version %d stands behind %d", key, v, seen[key])
		}
		seen[string(r.Key)] = v
		return nil
	})
	for id, v := range versions {
		if seen[id] != v {
			l.t.Errorf("%s: the log ends with %d, the database with %d", id, seen[id], v)
		}
	}
}
