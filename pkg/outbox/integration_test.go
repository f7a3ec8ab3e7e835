package outbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/sqlite"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
	"github.com/murmuration-dev/murmuration/pkg/outbox"
)

const (
	ordersTopic    = "orders"
	positionsTopic = "order-positions"
	partitions     = 6
)

// bench is a database and a cluster that relays can be started on.
type bench struct {
	tb      testing.TB
	store   *sqlite.Store
	cluster *kafkatest.Cluster

	mu       sync.Mutex
	versions map[string]int64
	metrics  []*prometheus.Registry // one per relay
}

func newBench(tb testing.TB) *bench {
	tb.Helper()
	cluster := kafkatest.StartCluster(tb, kfake.SeedTopics(partitions, ordersTopic), kfake.SeedTopics(1, positionsTopic))
	store, err := sqlite.Open(tb.Context(), sqlite.Config{Path: filepath.Join(tb.TempDir(), "order.db")})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Error(err)
		}
	})
	return &bench{tb: tb, store: store, cluster: cluster, versions: map[string]int64{}}
}

// commit writes the next version of each stream, as one unit of work.
func (b *bench) commit(streams ...string) error {
	slices.Sort(streams)
	ctx := context.Background()
	tx, err := b.store.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	ids := make([]eventstore.StreamID, len(streams))
	for i, s := range streams {
		ids[i] = eventstore.StreamID{Kind: "order", ID: s}
	}
	loaded, err := tx.Load(ctx, ids...)
	if err != nil {
		return err
	}
	var unit eventstore.Unit
	for _, s := range loaded {
		unit.Changes = append(unit.Changes, eventstore.Change{
			Stream: s.ID, Expected: s.Version, State: []byte("{}"),
			Events: []eventstore.NewEvent{{Type: "Moved", Schema: 1, Data: []byte("{}")}},
			Record: orderRecord(s.ID.ID, s.Version+1),
		})
	}
	if err := tx.Commit(ctx, unit); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range loaded {
		b.versions[s.ID.ID] = s.Version + 1
	}
	return nil
}

func orderRecord(id string, version int64) *eventstore.Record {
	return &eventstore.Record{
		Topic: ordersTopic, Key: id,
		Headers: []eventstore.Header{
			{Key: "ce_id", Value: fmt.Sprintf("%s/%d", id, version)},
			{Key: "ce_type", Value: "com.example.order"},
			{Key: "version", Value: strconv.FormatInt(version, 10)},
		},
		Value: fmt.Appendf(nil, "state of %s at %d, %0250d", id, version, 0),
	}
}

func (b *bench) client() *kafka.Client {
	b.tb.Helper()
	client, err := kafka.NewClient(kafka.Config{Brokers: b.cluster.Brokers})
	if err != nil {
		b.tb.Fatal(err)
	}
	b.tb.Cleanup(client.Close)
	return client
}

func (b *bench) log() *outbox.KafkaLog {
	b.tb.Helper()
	log, err := outbox.NewKafkaLog(b.client(), kafka.ProducerConfig{TransactionalID: "order"})
	if err != nil {
		b.tb.Fatal(err)
	}
	return log
}

func (b *bench) config() outbox.Config {
	return outbox.Config{
		Relay: "order", PositionsTopic: positionsTopic, Owner: "test",
		LeaseTTL: 300 * time.Millisecond, RenewEvery: 50 * time.Millisecond, PollInterval: 20 * time.Millisecond,
	}
}

func (b *bench) relay(cfg outbox.Config, store outbox.Store, log outbox.Log) *outbox.Relay {
	b.tb.Helper()
	metrics := prometheus.NewRegistry()
	b.metrics = append(b.metrics, metrics)
	relay, err := outbox.New(cfg, outbox.Deps{
		Store: store, Log: log, Metrics: metrics,
		EncodePosition: func(p outbox.Position) ([]byte, error) { return json.Marshal(p) },
		DecodePosition: func(_ context.Context, v []byte) (p outbox.Position, err error) {
			err = json.Unmarshal(v, &p)
			return p, err
		},
	})
	if err != nil {
		b.tb.Fatal(err)
	}
	return relay
}

// counted is the sum of a counter over all relays.
func (b *bench) counted(name string) int {
	b.tb.Helper()
	sum := 0.0
	for _, registry := range b.metrics {
		families, err := registry.Gather()
		if err != nil {
			b.tb.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == name {
				sum += f.GetMetric()[0].GetCounter().GetValue()
			}
		}
	}
	return int(sum)
}

// running is a relay that runs until stop, which returns what Run returned.
type running struct {
	*outbox.Relay
	cancel context.CancelFunc
	done   chan error
}

func run(relay *outbox.Relay) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Relay: relay, cancel: cancel, done: make(chan error, 1)}
	go func() { r.done <- relay.Run(ctx) }()
	return r
}

func (r *running) stop() error {
	r.cancel()
	return <-r.done
}

// start runs a relay until the test ends.
func (b *bench) start() *running {
	b.tb.Helper()
	r := run(b.relay(b.config(), b.store, b.log()))
	b.tb.Cleanup(func() {
		if err := r.stop(); err != nil {
			b.tb.Error(err)
		}
	})
	return r
}

// drained waits until the outbox is empty.
func (b *bench) drained() {
	b.tb.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		rows, _, err := b.store.Backlog(b.tb.Context())
		if err != nil {
			b.tb.Fatal(err)
		}
		if rows == 0 {
			return
		}
		if time.Now().After(deadline) {
			b.tb.Fatalf("%d rows left", rows)
		}
		<-time.After(5 * time.Millisecond) // nobody signals an empty outbox
	}
}

// read returns all committed records of a topic, as another client sees them.
func (b *bench) read(topic string) []*kgo.Record {
	b.tb.Helper()
	ends, err := b.client().EndOffsets(b.tb.Context(), kafka.ReadUncommitted, b.topicPartitions(topic)...)
	if err != nil {
		b.tb.Fatal(err)
	}
	reader, err := kgo.NewClient(
		kgo.SeedBrokers(b.cluster.Brokers...), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
	)
	if err != nil {
		b.tb.Fatal(err)
	}
	defer reader.Close()
	ctx, cancel := context.WithTimeout(b.tb.Context(), 20*time.Second)
	defer cancel()
	for tp, end := range ends {
		if end == 0 {
			delete(ends, tp)
		}
	}
	var out []*kgo.Record
	for len(ends) > 0 {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			b.tb.Fatalf("read %s: %v; not read up to %v", topic, err, ends)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			tp := kafka.TopicPartition{Topic: r.Topic, Partition: r.Partition}
			if r.Offset+1 >= ends[tp] {
				delete(ends, tp)
			}
			if !r.Attrs.IsControl() {
				out = append(out, r)
			}
		})
	}
	return out
}

func (b *bench) topicPartitions(topic string) []kafka.TopicPartition {
	if topic == positionsTopic {
		return []kafka.TopicPartition{{Topic: topic}}
	}
	var out []kafka.TopicPartition
	for p := range int32(partitions) {
		out = append(out, kafka.TopicPartition{Topic: topic, Partition: p})
	}
	return out
}

// check compares the log with what was committed: nothing lost, nothing twice,
// nothing out of order. Every transaction ends with a marker, so the last offset
// of every partition is one, and the reader has seen it.
func (b *bench) check() {
	b.tb.Helper()
	lost, twice, disorder := 0, 0, 0
	seen := map[string]int64{}
	for _, r := range b.read(ordersTopic) {
		version, err := strconv.ParseInt(header(r, "version"), 10, 64)
		if err != nil {
			b.tb.Fatal(err)
		}
		switch last := seen[string(r.Key)]; {
		case version <= last:
			twice++
		case version > last+1:
			disorder++
		}
		seen[string(r.Key)] = version
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, version := range b.versions {
		lost += int(version - min(version, seen[id]))
	}
	if lost+twice+disorder > 0 || len(seen) != len(b.versions) {
		b.tb.Fatalf("%d lost, %d twice, %d out of order; %d of %d streams", lost, twice, disorder, len(seen), len(b.versions))
	}
}

func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

func TestRelay_PublishesRecordsAsTheyWereStored(t *testing.T) {
	b := newBench(t)
	b.start()
	want := orderRecord("order-1", 1)
	if err := b.commit("order-1"); err != nil {
		t.Fatal(err)
	}
	if err := b.commit("order-2", "order-3", "order-1"); err != nil {
		t.Fatal(err)
	}
	b.drained()
	b.check()
	records := b.read(ordersTopic)
	i := slices.IndexFunc(records, func(r *kgo.Record) bool { return header(r, "ce_id") == "order-1/1" })
	got := records[i]
	if string(got.Key) != want.Key || string(got.Value) != string(want.Value) || len(got.Headers) != len(want.Headers) {
		t.Fatalf("got %q %q %v", got.Key, got.Value, got.Headers)
	}
	for i, h := range want.Headers {
		if got.Headers[i].Key != h.Key || string(got.Headers[i].Value) != h.Value {
			t.Errorf("header %d is %v, not %v", i, got.Headers[i], h)
		}
	}
	if partition := kafka.PartitionFor([]byte(want.Key), partitions); got.Partition != partition {
		t.Errorf("partition %d, not %d", got.Partition, partition)
	}
	if age := time.Since(got.Timestamp); age < 0 || age > time.Minute {
		t.Errorf("timestamp %s", got.Timestamp)
	}
}

func TestRelay_PositionsNameTheRows(t *testing.T) {
	b := newBench(t)
	b.start()
	for range 3 {
		if err := b.commit("order-1", "order-2"); err != nil {
			t.Fatal(err)
		}
		b.drained()
	}
	state, err := b.store.RelayState(t.Context(), "order")
	if err != nil {
		t.Fatal(err)
	}
	named := map[eventstore.RowID]int{}
	batch := int64(0)
	for _, r := range b.read(positionsTopic) {
		var p outbox.Position
		if err := json.Unmarshal(r.Value, &p); err != nil {
			t.Fatal(err)
		}
		if batch++; p.Batch != batch || p.StoreEpoch != state.StoreEpoch || p.Relay != "order" || string(r.Key) != "order" {
			t.Fatalf("position %d: %+v", batch, p)
		}
		for _, row := range p.Rows {
			named[row]++
		}
		if p.Batch == state.Batch && r.Offset != state.PositionOffset {
			t.Errorf("stored offset is %d, the record's %d", state.PositionOffset, r.Offset)
		}
	}
	if len(named) != 6 || state.Batch != batch {
		t.Fatalf("%d rows in %d batches named, database at %d", len(named), batch, state.Batch)
	}
	for row, n := range named {
		if n != 1 {
			t.Errorf("%v named %d times", row, n)
		}
	}
}
