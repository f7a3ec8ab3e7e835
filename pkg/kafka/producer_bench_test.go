package kafka

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

// One transaction at a time, of records of about 650 bytes over six partitions
// and a position record, on an in-process broker that completes transactions at
// once: the cost of the client, not of Kafka.
func BenchmarkProducer_Transaction(b *testing.B) {
	for _, protocol := range []Protocol{ProtocolV1, ProtocolV2} {
		for _, size := range []int{1, 100, 1000} {
			b.Run(fmt.Sprintf("%v/%d", protocol, size), func(b *testing.B) { benchTransactions(b, protocol, size) })
		}
	}
}

func benchTransactions(b *testing.B, protocol Protocol, size int) {
	c, err := NewClient(Config{Brokers: kafkatest.Start(b, kfake.SeedTopics(6, topic), kfake.SeedTopics(1, "positions"))})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	p, err := NewProducer(c, ProducerConfig{TransactionalID: "bench", Protocol: protocol})
	if err != nil {
		b.Fatal(err)
	}
	ctx := b.Context()
	if err := p.Init(ctx); err != nil {
		b.Fatal(err)
	}
	records := benchRecords(size)
	b.ReportAllocs()
	for b.Loop() {
		txn, err := p.Begin()
		if err != nil {
			b.Fatal(err)
		}
		if err := txn.Produce(ctx, records...); err != nil {
			b.Fatal(err)
		}
		if err := txn.Commit(ctx); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "records/s")
}

// benchRecords returns size records and one of position.
func benchRecords(size int) []Record {
	out := make([]Record, 0, size+1)
	for i := range size {
		r := Record{Topic: topic, Partition: AnyPartition, Key: fmt.Appendf(nil, "order-%08d", i), Value: make([]byte, 350)}
		for j := range r.Value {
			r.Value[j] = "abcdefghijklmnopqrstuvwxyz"[(i*7+j*j)%26]
		}
		for h := range 6 {
			r.Headers = append(r.Headers, Header{Key: fmt.Sprint("ce_header_", h), Value: fmt.Appendf(nil, "value-of-header-%d-%d", h, i)})
		}
		out = append(out, r)
	}
	return append(out, Record{Topic: "positions", Key: []byte("relay"), Value: []byte("position")})
}
