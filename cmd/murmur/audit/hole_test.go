package audit

import (
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/schemas"
)

// A log has offsets without records that no compaction made: markers, and what
// was aborted. Only what compaction took is a hole.
func TestHoles_AreWhatCompactionTookAndNothingElse(t *testing.T) {
	fake, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	client, err := kafka.NewClient(kafka.Config{Brokers: fake.ListenAddrs()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	spec := kafka.TopicSpec{Name: schemas.Orders, Partitions: 1, Configs: map[string]string{"cleanup.policy": "compact"}}
	if _, err := client.ApplyTopics(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	producer, err := kafka.NewProducer(client, kafka.ProducerConfig{TransactionalID: "test"})
	if err == nil {
		err = producer.Init(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	for version := range 6 {
		txn, err := producer.Begin()
		if err == nil {
			err = txn.Produce(t.Context(), kafka.Record{Topic: schemas.Orders, Key: []byte("o-1"), Value: []byte(strconv.Itoa(version))})
		}
		if err != nil {
			t.Fatal(err)
		}
		if version%3 == 1 {
			err = txn.Abort(t.Context())
		} else {
			err = txn.Commit(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}

	if hole, ok := holeOf(t, fake, client); ok {
		t.Errorf("a hole at %d of a log that was never compacted", hole)
	}
	fake.Compact()
	if hole, ok := holeOf(t, fake, client); !ok || hole != 0 {
		t.Errorf("hole at %d (%v) of a compacted log, want one at 0", hole, ok)
	}
}

// holeOf looks into partition 0 as an audit does that misses version 1.
func holeOf(t *testing.T, fake *kfake.Cluster, client *kafka.Client) (int64, bool) {
	t.Helper()
	tp := kafka.TopicPartition{Topic: schemas.Orders}
	ends, err := client.EndOffsets(t.Context(), kafka.ReadCommitted, tp)
	if err != nil {
		t.Fatal(err)
	}
	log := NewTopicLog(schemas.Orders, 1)
	log.Add(Entry{Offset: ends[tp] - 1, Key: "o-1", Header: "2", Value: schemas.Order{OrderID: "o-1", Version: 2}})
	log.Stable[0] = ends[tp]
	s := Snapshot{
		Topics: map[string]*TopicLog{schemas.Orders: log},
		Orders: map[string]*Stream[schemas.Order]{"o-1": {Version: 2, Published: []int64{1, 2}}},
	}
	c := &collector{at: embedded.Addresses{Kafka: fake.ListenAddrs()[0]}}
	if err := c.holes(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	hole, ok := log.Hole[0]
	return hole, ok
}
