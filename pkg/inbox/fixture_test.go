package inbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/murmuration-dev/murmuration/pkg/aggregate/aggregatetest"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/sqlite"
	"github.com/murmuration-dev/murmuration/pkg/inbox"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait: it is only reached by a failure.
const patience = 20 * time.Second

var effectsTable = fstest.MapFS{"00001_effects.sql": {Data: []byte(`-- +goose Up
CREATE TABLE effects (value TEXT NOT NULL PRIMARY KEY, times BIGINT NOT NULL);
-- +goose Down
DROP TABLE effects;
`)}}

// world is a service's surroundings: brokers, a database, and what was put in.
type world struct {
	t       *testing.T
	cluster *kafkatest.Cluster
	store   *aggregatetest.Store
	client  *kafka.Client // for whatever is not the inbox
	franz   *kgo.Client

	mu       sync.Mutex
	producer *kafka.Producer
	decode   inbox.Decoder
	handle   func(ctx context.Context, tx eventstore.Tx, unit *eventstore.Unit, records []inbox.Record) error
}

func newWorld(t *testing.T, partitions int32, topics ...string) *world {
	t.Helper()
	w := &world{t: t}
	w.cluster = kafkatest.StartCluster(t, kfake.GroupMinSessionTimeout(100*time.Millisecond), kfake.SeedTopics(partitions, topics...))
	store, err := sqlite.Open(t.Context(), sqlite.Config{
		Path: filepath.Join(t.TempDir(), "store.db"), Migrations: []fs.FS{effectsTable},
	})
	w.must(err)
	t.Cleanup(func() { check(t, store.Close()) })
	w.store = aggregatetest.Wrap(store)
	w.client = w.newClient()
	w.franz, err = kgo.NewClient(kgo.SeedBrokers(w.cluster.Brokers...))
	w.must(err)
	t.Cleanup(w.franz.Close)
	return w
}

func (w *world) newClient() *kafka.Client {
	w.t.Helper()
	c, err := kafka.NewClient(kafka.Config{Brokers: w.cluster.Brokers})
	w.must(err)
	w.t.Cleanup(c.Close)
	return c
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// message is one record of a test. Its key decides nothing but the order.
func message(topic string, partition int32, key, value string) kafka.Record {
	return kafka.Record{Topic: topic, Partition: partition, Key: []byte(key), Value: []byte(value)}
}

func tombstone(topic string, partition int32, key string) kafka.Record {
	return kafka.Record{Topic: topic, Partition: partition, Key: []byte(key)}
}

// begin starts a transaction with the records in it.
func (w *world) begin(records ...kafka.Record) *kafka.Txn {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.producer == nil {
		var err error
		w.producer, err = kafka.NewProducer(w.client, kafka.ProducerConfig{TransactionalID: "writer"})
		w.must(err)
		w.must(w.producer.Init(w.t.Context()))
	}
	txn, err := w.producer.Begin()
	w.must(err)
	w.must(txn.Produce(w.t.Context(), records...))
	return txn
}

func (w *world) publish(records ...kafka.Record) {
	w.t.Helper()
	w.must(w.begin(records...).Commit(w.t.Context()))
}

func (w *world) abort(records ...kafka.Record) {
	w.t.Helper()
	w.must(w.begin(records...).Abort(w.t.Context()))
}

// Decode takes values as text. Those that begin with "unreadable" always fail.
func (w *world) Decode(ctx context.Context, r kafka.Record) (any, error) {
	w.mu.Lock()
	decode := w.decode
	w.mu.Unlock()
	if decode != nil {
		return decode(ctx, r)
	}
	if strings.HasPrefix(string(r.Value), "unreadable") {
		return nil, inbox.Permanent(fmt.Errorf("cannot read %q", r.Value))
	}
	return string(r.Value), nil
}

// Handle counts every value in the database, and keeps the last value of each key
// in the key's stream. Values that begin with "refused" always fail.
func (w *world) Handle(ctx context.Context, tx eventstore.Tx, unit *eventstore.Unit, records []inbox.Record) error {
	w.mu.Lock()
	handle := w.handle
	w.mu.Unlock()
	if handle != nil {
		return handle(ctx, tx, unit, records)
	}
	return countValues(ctx, tx, unit, records)
}

func countValues(ctx context.Context, tx eventstore.Tx, unit *eventstore.Unit, records []inbox.Record) error {
	last := make(map[eventstore.StreamID]string)
	for i, r := range records {
		value, _ := r.Decoded.(string)
		if strings.HasPrefix(value, "refused") {
			return &inbox.RecordError{Index: i, Err: inbox.Permanent(fmt.Errorf("refuse %q", value))}
		}
		unit.Statements = append(unit.Statements, eventstore.Statement{
			SQL: `INSERT INTO effects (value, times) VALUES ($1, 1) ON CONFLICT (value) DO UPDATE SET times = effects.times + 1`, Args: []any{value},
		})
		last[streamOf(string(r.Key))] = value
	}
	ids := slices.SortedFunc(maps.Keys(last), eventstore.StreamID.Compare)
	rows, err := tx.Load(ctx, ids...)
	if err != nil {
		return err
	}
	for _, row := range rows {
		seen, err := json.Marshal(last[row.ID])
		if err != nil {
			return err
		}
		unit.Changes = append(unit.Changes, eventstore.Change{Stream: row.ID, Expected: row.Version, State: row.State, Observed: seen})
	}
	return nil
}

func streamOf(key string) eventstore.StreamID { return eventstore.StreamID{Kind: "seen", ID: key} }

func (w *world) setDecode(f inbox.Decoder) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.decode = f
}

func (w *world) setHandle(f func(context.Context, eventstore.Tx, *eventstore.Unit, []inbox.Record) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.handle = f
}

// consumer is an inbox that runs.
type consumer struct {
	*inbox.Inbox
	t      *testing.T
	cancel context.CancelFunc
	ended  chan error
}

// config has short retries, so that a recovery shows soon.
func config(group string, topics ...string) inbox.Config {
	return inbox.Config{Group: group, Topics: topics, RetryInitial: 5 * time.Millisecond, RetryMax: 50 * time.Millisecond}
}

func (w *world) newInbox(cfg inbox.Config, metrics prometheus.Registerer) *inbox.Inbox {
	w.t.Helper()
	in, err := inbox.New(cfg, inbox.Deps{
		Store: w.store, Client: w.newClient(), Decode: w.Decode, Handler: w, Metrics: metrics,
		Logger: zaptest.NewLogger(w.t, zaptest.Level(zap.DPanicLevel)),
	})
	w.must(err)
	in.Hasten()
	return in
}

func (w *world) start(cfg inbox.Config) *consumer {
	w.t.Helper()
	return w.startInbox(w.newInbox(cfg, nil))
}

func (w *world) startInbox(in *inbox.Inbox) *consumer {
	ctx, cancel := context.WithCancel(w.t.Context())
	c := &consumer{Inbox: in, t: w.t, cancel: cancel, ended: make(chan error, 1)}
	go func() {
		defer close(c.ended)
		c.ended <- in.Run(ctx)
	}()
	w.t.Cleanup(func() { _ = c.stop() }) // the test has looked at what it wanted to
	return c
}

// wait returns what Run returned by itself.
func (c *consumer) wait() error {
	c.t.Helper()
	select {
	case err := <-c.ended:
		return err
	case <-time.After(patience):
		c.t.Fatal("the inbox does not end")
		return nil
	}
}

func (c *consumer) stop() error {
	c.t.Helper()
	c.cancel()
	return c.wait()
}

// effects are the values that took effect, and how often.
func (w *world) effects() map[string]int {
	w.t.Helper()
	out := make(map[string]int)
	err := w.store.Query(context.WithoutCancel(w.t.Context()), `SELECT value, times FROM effects`, nil, func(r eventstore.Row) error {
		var value string
		var times int
		err := r.Scan(&value, &times)
		out[value] = times
		return err
	})
	w.must(err)
	return out
}

// wantEffects fails the test unless exactly these values took effect, once each.
func (w *world) wantEffects(values ...string) {
	w.t.Helper()
	got := w.effects()
	for _, v := range values {
		if got[v] != 1 {
			w.t.Errorf("value %q took effect %d times", v, got[v])
		}
	}
	if len(got) != len(values) {
		w.t.Errorf("got the effects of %v, want those of %v", got, values)
	}
}

func (w *world) lastSeen(key string) string {
	w.t.Helper()
	row, err := w.store.Store.Stream(w.t.Context(), streamOf(key))
	w.must(err)
	var seen string
	if row.Observed != nil {
		w.must(json.Unmarshal(row.Observed, &seen))
	}
	return seen
}

// parked are the parked records as "key=value".
func (w *world) parked() []string {
	w.t.Helper()
	all, err := w.store.Store.Parked(w.t.Context(), eventstore.ParkedKey{}, 1000)
	w.must(err)
	out := make([]string, len(all))
	for i, p := range all {
		out[i] = p.Key + "=" + string(p.Value)
	}
	return out
}

func (w *world) position(topic string, partition int32) int64 {
	w.t.Helper()
	p, _, err := w.store.Store.Position(w.t.Context(), topic, partition)
	w.must(err)
	return p.Next
}

// end is the last stable offset.
func (w *world) end(topic string, partition int32) int64 {
	w.t.Helper()
	tp := kafka.TopicPartition{Topic: topic, Partition: partition}
	ends, err := w.client.EndOffsets(w.t.Context(), kafka.ReadCommitted, tp)
	w.must(err)
	return ends[tp]
}

// caughtUp waits until all that was published was handled.
func (w *world) caughtUp(in interface {
	CaughtUp(context.Context, time.Time) error
}) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	if err := in.CaughtUp(ctx, time.Now()); err != nil {
		w.t.Fatalf("not caught up: %v", err)
	}
}

func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			w.t.Fatalf("not in time: %s", what)
		}
		<-tick.C
	}
}
