package kafka

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

// rigLimit bounds a test whose calls should return in milliseconds.
const rigLimit = 15 * time.Second

// shortLife is a transaction timeout that a test can wait for, and within which a
// busy machine still initialises a producer.
const shortLife = 500 * time.Millisecond

const topic = "events"

// rig is a producer on a cluster whose faults are ours.
type rig struct {
	*kafkatest.Cluster
	t   *testing.T
	ctx context.Context
	p   *Producer
}

// newRig starts a cluster with the topic, four partitions, and an initialised
// producer on it.
func newRig(t *testing.T, cfg ProducerConfig, opts ...kfake.Opt) *rig {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), rigLimit)
	t.Cleanup(cancel)
	opts = append([]kfake.Opt{kfake.SeedTopics(4, topic)}, opts...)
	r := &rig{Cluster: kafkatest.StartCluster(t, opts...), t: t, ctx: ctx}
	r.p = r.producer(cfg)
	if err := r.p.Init(ctx); err != nil {
		t.Fatalf("init: %v", err)
	}
	t.Cleanup(r.checkProducerIDs)
	return r
}

// producer returns another producer, not initialised.
func (r *rig) producer(cfg ProducerConfig) *Producer {
	r.t.Helper()
	c, err := NewClient(Config{Brokers: r.Brokers})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(c.Close)
	if cfg.TransactionalID == "" {
		cfg.TransactionalID = "relay"
	}
	if cfg.RetryBackoff == 0 {
		cfg.RetryBackoff = time.Millisecond
	}
	p, err := NewProducer(c, cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// checkProducerIDs: no batch may ever leave with the producer id -1, or without
// the transactional bit. A real broker would show it at once.
func (r *rig) checkProducerIDs() {
	for _, q := range kafkatest.Requests[*kmsg.ProduceRequest](r.Proxy) {
		for _, b := range batchesOf(r.t, q) {
			if b.pid < 0 || !b.transactional {
				r.t.Errorf("sent a batch with producer id %d, transactional %v", b.pid, b.transactional)
			}
		}
	}
}

func (r *rig) begin() *Txn {
	r.t.Helper()
	txn, err := r.p.Begin()
	if err != nil {
		r.t.Fatalf("begin: %v", err)
	}
	return txn
}

// commit writes the values to partition 0 in one transaction.
func (r *rig) commit(values ...string) {
	r.t.Helper()
	txn := r.begin()
	if err := txn.Produce(r.ctx, to(0, values...)...); err != nil {
		r.t.Fatalf("produce: %v", err)
	}
	if err := txn.Commit(r.ctx); err != nil {
		r.t.Fatalf("commit: %v", err)
	}
}

// to makes one record for the partition of each value.
func to(partition int32, values ...string) []Record {
	var out []Record
	for _, v := range values {
		out = append(out, Record{Topic: topic, Partition: partition, Key: []byte("k"), Value: []byte(v)})
	}
	return out
}

// expect compares what a read-committed reader finds in partition 0.
func (r *rig) expect(want ...string) {
	r.t.Helper()
	expectEqual(r.t, r.committed(topic)[0], want)
}

func expectEqual(t *testing.T, got, want []string) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) || len(got) != len(want) {
		t.Fatalf("committed\n got %q\nwant %q", got, want)
	}
}

// committed reads the topic as franz-go does, read-committed, up to the last
// stable offset, and returns the values by partition.
func (r *rig) committed(topic string) map[int32][]string {
	r.t.Helper()
	out := map[int32][]string{}
	for p, recs := range r.read(topic) {
		for _, rec := range recs {
			out[p] = append(out[p], string(rec.Value))
		}
	}
	return out
}

func (r *rig) read(topic string) map[int32][]*kgo.Record {
	r.t.Helper()
	ends := r.stableOffsets(topic)
	from := map[int32]kgo.Offset{}
	for p, end := range ends {
		if end > 0 {
			from[p] = kgo.NewOffset().At(0)
		}
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(r.Brokers...), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // the record below the last stable offset is one
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}))
	if err != nil {
		r.t.Fatal(err)
	}
	defer cl.Close()
	out := map[int32][]*kgo.Record{}
	for len(from) > 0 {
		fetches := cl.PollFetches(r.ctx)
		if err := fetches.Err(); err != nil {
			r.t.Fatalf("franz-go: %v", err)
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			if !rec.Attrs.IsControl() {
				out[rec.Partition] = append(out[rec.Partition], rec)
			}
			if rec.Offset >= ends[rec.Partition]-1 {
				delete(from, rec.Partition)
			}
		})
	}
	return out
}

func (r *rig) stableOffsets(topic string) map[int32]int64 {
	r.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(r.Brokers...))
	if err != nil {
		r.t.Fatal(err)
	}
	defer cl.Close()
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID, req.IsolationLevel = -1, 1
	rt := kmsg.NewListOffsetsRequestTopic()
	rt.Topic = topic
	for p := range r.Fake.PartitionInfos(topic) {
		rp := kmsg.NewListOffsetsRequestTopicPartition()
		rp.Partition, rp.Timestamp = int32(p), -1
		rt.Partitions = append(rt.Partitions, rp)
	}
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(r.ctx, cl)
	if err != nil {
		r.t.Fatal(err)
	}
	out := map[int32]int64{}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			out[p.Partition] = p.Offset
		}
	}
	return out
}

// sentBatch is the header of a batch as it went over the wire.
type sentBatch struct {
	txnID         string
	tp            TopicPartition
	pid           int64
	epoch         int16
	seq           int32
	count         int32
	transactional bool
	raw           string
}

func batchesOf(t *testing.T, q *kmsg.ProduceRequest) []sentBatch {
	t.Helper()
	var out []sentBatch
	for _, rt := range q.Topics {
		for _, rp := range rt.Partitions {
			b := rp.Records
			if len(b) < batchHeaderSize || q.TransactionID == nil {
				t.Fatalf("a Produce request with %d bytes of records, transactional id %v", len(b), q.TransactionID)
			}
			out = append(out, sentBatch{
				txnID: *q.TransactionID, tp: TopicPartition{rt.Topic, rp.Partition},
				pid:   int64(binary.BigEndian.Uint64(b[43:])),
				epoch: int16(binary.BigEndian.Uint16(b[51:])),
				seq:   int32(binary.BigEndian.Uint32(b[53:])),
				count: int32(binary.BigEndian.Uint32(b[57:])),

				transactional: b[22]&0x10 != 0, raw: string(b),
			})
		}
	}
	return out
}

// sent is every batch that went out, in order.
func (r *rig) sent() []sentBatch {
	r.t.Helper()
	var out []sentBatch
	for _, q := range kafkatest.Requests[*kmsg.ProduceRequest](r.Proxy) {
		out = append(out, batchesOf(r.t, q)...)
	}
	return out
}

// eachProtocol runs the test on both versions of the transaction protocol.
func eachProtocol(t *testing.T, f func(t *testing.T, p Protocol)) {
	t.Helper()
	for _, p := range []Protocol{ProtocolV1, ProtocolV2} {
		t.Run(p.String(), func(t *testing.T) { f(t, p) })
	}
}
