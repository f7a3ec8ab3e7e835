package kafka

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

// BenchmarkFetch reads transactions of 500 records, 650 bytes each with keys and
// headers, lz4, a tenth of them aborted. Broker and reader share the processors.
func BenchmarkFetch(b *testing.B) {
	const partitions, perTxn, txns = 6, 500, 80
	brokers := kafkatest.Start(b, kfake.SeedTopics(partitions, "events"))
	cl := franz(b, brokers, kgo.TransactionalID("w"), kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	value := bytes.Repeat([]byte("murmuration"), 32)
	for n := range txns {
		batch := make([]*kgo.Record, perTxn)
		for i := range batch {
			batch[i] = rec("events", int32(i%partitions), fmt.Sprint("key-", n*perTxn+i), string(value[:350]))
			for h := range 8 {
				batch[i].Headers = append(batch[i].Headers, kgo.RecordHeader{Key: fmt.Sprint("ce_attribute", h), Value: value[:20]})
			}
		}
		transact(b, cl, n%10 != 0, batch...)
	}
	c := consumerClient(b, brokers)
	starts, ends := map[TopicPartition]int64{}, map[TopicPartition]int64{}
	for p := range int32(partitions) {
		starts[TopicPartition{"events", p}] = 0
		ends[TopicPartition{"events", p}] = lastStable(b, c, TopicPartition{"events", p})
	}
	for _, iso := range []Isolation{ReadCommitted, ReadUncommitted} {
		b.Run(iso.String(), func(b *testing.B) {
			f := testFetcher(b, c, FetcherConfig{Isolation: iso})
			b.ReportAllocs()
			records, began := 0, time.Now()
			for b.Loop() {
				records += readAll(b, f, starts, ends)
			}
			b.ReportMetric(float64(records)/time.Since(began).Seconds(), "records/s")
			b.ReportMetric(float64(records)/float64(b.N), "records/op")
		})
	}
}

func readAll(b *testing.B, f *Fetcher, starts, ends map[TopicPartition]int64) (records int) {
	positions := map[TopicPartition]int64{}
	for tp, at := range starts {
		positions[tp] = at
	}
	for len(positions) > 0 {
		pages, err := f.Fetch(b.Context(), positions)
		if err != nil {
			b.Fatal(err)
		}
		for _, p := range pages {
			if p.Err != nil {
				b.Fatal(p.Err)
			}
			records += len(p.Records)
			if positions[p.TopicPartition] = p.Next; p.Next >= ends[p.TopicPartition] {
				delete(positions, p.TopicPartition)
			}
		}
	}
	return records
}

// BenchmarkDecode is the same without a broker: what decoding alone costs.
func BenchmarkDecode(b *testing.B) {
	for _, codec := range codecs {
		b.Run(codec.String(), func(b *testing.B) {
			recs := make([]Record, 500)
			for i := range recs {
				recs[i] = Record{Key: fmt.Append(nil, "key-", i), Value: bytes.Repeat([]byte("murmuration"), 32), Headers: make([]Header, 8)}
				for h := range recs[i].Headers {
					recs[i].Headers[h] = Header{fmt.Sprint("ce_attribute", h), []byte("12345678901234567890")}
				}
			}
			set := logBatch{records: recs, codec: codec}.bytes(b)
			b.ReportAllocs()
			for b.Loop() {
				if got, _, err := openWindow(ReadCommitted, 0).decode(nil, set); err != nil || len(got) != len(recs) {
					b.Fatal(len(got), err)
				}
			}
			b.ReportMetric(float64(len(recs)*b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
