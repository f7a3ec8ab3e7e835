package outbox_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
	"github.com/murmuration-dev/murmuration/pkg/outbox"
)

// position is a position record with some content.
func position(key, value string) eventstore.Record {
	return eventstore.Record{Topic: positionsTopic, Key: key, Value: []byte(value)}
}

func publish(t *testing.T, log *outbox.KafkaLog, p eventstore.Record) int64 {
	t.Helper()
	txn, err := log.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	offset, err := txn.Produce(t.Context(), []eventstore.Record{*orderRecord("order-1", 1)}, p)
	if err != nil {
		t.Fatal(err)
	}
	if err := txn.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	return offset
}

func TestKafkaLog_LastFindsTheLastCommittedOfTheKey(t *testing.T) {
	b := newBench(t)
	log := b.log()
	if err := log.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := log.Last(t.Context(), positionsTopic, "order", 0); ok || err != nil {
		t.Fatalf("found one in an empty topic; error %v", err)
	}
	publish(t, log, position("order", "first"))
	second := publish(t, log, position("order", "second"))
	third := publish(t, log, position("another", "third"))
	txn, err := log.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := txn.Produce(t.Context(), nil, position("order", "aborted")); err != nil {
		t.Fatal(err)
	}
	if err := txn.Abort(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, from := range []int64{0, second} {
		e, ok, err := log.Last(t.Context(), positionsTopic, "order", from)
		if err != nil || !ok || string(e.Value) != "second" || e.Offset != second {
			t.Errorf("from %d: %d %q %t %v", from, e.Offset, e.Value, ok, err)
		}
	}
	for _, from := range []int64{third, third + 100} {
		if e, ok, err := log.Last(t.Context(), positionsTopic, "order", from); ok || err != nil {
			t.Errorf("from %d: %q, %v", from, e.Value, err)
		}
	}
}

// Somebody else's open transaction hides what was committed behind it from
// readers of committed records. It must not hide our own last position.
func TestKafkaLog_LastWaitsForOpenTransactions(t *testing.T) {
	b := newBench(t)
	log := b.log()
	if err := log.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	other, err := kafka.NewProducer(b.client(), kafka.ProducerConfig{TransactionalID: "other"})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	txn, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if err := txn.Produce(t.Context(), kafka.Record{Topic: positionsTopic, Key: []byte("other"), Value: []byte("open")}); err != nil {
		t.Fatal(err)
	}
	mine := publish(t, log, position("order", "mine"))

	// Whoever runs out of patience says what it waited for, be that between two
	// questions or in the middle of one.
	for patience := 400 * time.Millisecond; patience < 405*time.Millisecond; patience += time.Millisecond {
		short, cancel := context.WithTimeout(t.Context(), patience)
		e, ok, err := log.Last(short, positionsTopic, "order", 0)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%q %t %v", e.Value, ok, err)
		}
		if !strings.Contains(err.Error(), "a transaction of somebody else is open at offset 0") {
			t.Errorf("after %s: %v", patience, err)
		}
	}
	if err := txn.Abort(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e, ok, err := log.Last(t.Context(), positionsTopic, "order", 0); err != nil || !ok || e.Offset != mine {
		t.Fatalf("%q %t %v", e.Value, ok, err)
	}
}

// A broker that was the leader and does not know of the next one yet goes on saying
// that the log ends where it ended. Who believed it would publish a batch again.
func TestKafkaLog_LastDoesNotBelieveALeaderThatWasDeposed(t *testing.T) {
	b := newBench(t)
	log := b.log()
	if err := log.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	publish(t, log, position("order", "first"))
	second := publish(t, log, position("order", "second"))
	const answers = 3
	for name, from := range map[string]int64{"from before its end": 0, "from its end": second, "from beyond": second + 1} {
		t.Run(name, func(t *testing.T) {
			if err := log.Init(t.Context()); err != nil {
				t.Fatal(err)
			}
			third := publish(t, log, position("order", name))
			ends := b.cluster.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.ListOffsets), After: true, Times: answers, Edit: endsAt(second)})
			pages := b.cluster.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.Fetch), After: true, Times: answers, Edit: knowsUpTo(second)})
			defer ends.Remove()
			defer pages.Remove()
			e, ok, err := log.Last(t.Context(), positionsTopic, "order", from)
			if err != nil || !ok || e.Offset != third || string(e.Value) != name {
				t.Errorf("got %d %q %t %v, want %d", e.Offset, e.Value, ok, err, third)
			}
			if ends.Hits() == 0 {
				t.Error("no leader was asked")
			}
		})
	}
}

// endsAt makes the leader of every partition end at an offset.
func endsAt(end int64) func(kmsg.Request, kmsg.Response) {
	return func(_ kmsg.Request, resp kmsg.Response) {
		for _, topic := range resp.(*kmsg.ListOffsetsResponse).Topics {
			for i := range topic.Partitions {
				topic.Partitions[i].Offset = min(topic.Partitions[i].Offset, end)
			}
		}
	}
}

// knowsUpTo makes the leader of every partition know nothing at or after an offset.
func knowsUpTo(end int64) func(kmsg.Request, kmsg.Response) {
	const outOfRange = 1
	return func(req kmsg.Request, resp kmsg.Response) {
		for i, topic := range resp.(*kmsg.FetchResponse).Topics {
			for j := range topic.Partitions {
				p := &topic.Partitions[j]
				p.HighWatermark, p.LastStableOffset = min(p.HighWatermark, end), min(p.LastStableOffset, end)
				p.RecordBatches = upTo(p.RecordBatches, end)
				if req.(*kmsg.FetchRequest).Topics[i].Partitions[j].FetchOffset > end {
					p.ErrorCode = outOfRange
				}
			}
		}
	}
}

// upTo keeps the batches that begin before an offset.
func upTo(batches []byte, end int64) []byte {
	const head = 12 // base offset and length
	at := 0
	for at+head <= len(batches) && int64(binary.BigEndian.Uint64(batches[at:])) < end {
		at += head + int(binary.BigEndian.Uint32(batches[at+8:]))
	}
	return batches[:min(at, len(batches))]
}

// Of two that initialise, the first can write nothing more, and says so.
func TestKafkaLog_InitFences(t *testing.T) {
	b := newBench(t)
	old, young := b.log(), b.log()
	for _, log := range []*outbox.KafkaLog{old, young} {
		if err := log.Init(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	txn, err := old.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = txn.Produce(t.Context(), nil, position("order", "old"))
	if err == nil {
		err = txn.Commit(t.Context())
	}
	if !errors.Is(err, outbox.ErrFenced) && !errors.Is(err, kafka.ErrUnknownOutcome) && !errors.Is(err, kafka.ErrAborted) {
		t.Fatalf("%v", err)
	}
	mine := publish(t, young, position("order", "young"))
	if e, ok, err := young.Last(t.Context(), positionsTopic, "order", 0); err != nil || !ok || e.Offset != mine {
		t.Fatalf("%q %t %v", e.Value, ok, err)
	}
	// Fenced is not for ever: under the lease again, the old one takes over.
	if err := old.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	publish(t, old, position("order", "old again"))
}

// However the commit's answer is lost, the relay finds out what is true.
func TestRelay_FindsOutAboutAnUnknownCommit(t *testing.T) {
	for name, fault := range map[string]kafkatest.Fault{
		"committed":     {Key: int16(kmsg.EndTxn), After: true, Drop: true},
		"not committed": {Key: int16(kmsg.EndTxn), Drop: true},
		"refused":       {Key: int16(kmsg.EndTxn), Code: 48}, // INVALID_TXN_STATE
		"fenced":        {Key: int16(kmsg.EndTxn), Code: 90, After: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			in := b.cluster.Proxy.Inject(fault)
			b.start()
			if err := b.commit("order-1", "order-2"); err != nil {
				t.Fatal(err)
			}
			in.Wait(t)
			if err := b.commit("order-1", "order-3"); err != nil {
				t.Fatal(err)
			}
			b.drained()
			b.check()
		})
	}
}

func TestRelay_Hazard10_RecreatedTopicOnACluster(t *testing.T) {
	b := newBench(t)
	if err := b.commit("order-1"); err != nil {
		t.Fatal(err)
	}
	first := run(b.relay(b.config(), b.store, b.log()))
	b.drained()
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}

	admin, err := kgo.NewClient(kgo.SeedBrokers(b.cluster.Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	topic := kmsg.NewDeleteTopicsRequestTopic()
	topic.Topic = kmsg.StringPtr(positionsTopic)
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TopicNames, req.Topics = []string{positionsTopic}, append(req.Topics, topic)
	if _, err := req.RequestWith(t.Context(), admin); err != nil {
		t.Fatal(err)
	}
	if _, err := b.client().ApplyTopics(t.Context(), kafka.TopicSpec{Name: positionsTopic, Partitions: 1}); err != nil {
		t.Fatal(err)
	}

	var recreated *outbox.TopicRecreatedError
	second := b.relay(b.config(), b.store, b.log())
	if err := second.Run(t.Context()); !errors.As(err, &recreated) || recreated.Topic != positionsTopic {
		t.Fatalf("%v", err)
	}
	// The way back, once a person has decided.
	if err := second.Adopt(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.start()
	if err := b.commit("order-1"); err != nil {
		t.Fatal(err)
	}
	b.drained()
	b.check()
}

// Compaction keeps the last committed position, though an aborted record of the
// same key stands behind it.
func TestKafkaLog_LastSurvivesCompaction(t *testing.T) {
	b := newBench(t)
	if _, err := b.client().ApplyTopics(t.Context(), outbox.PositionsTopic(positionsTopic)); err != nil {
		t.Fatal(err)
	}
	log := b.log()
	if err := log.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := publish(t, log, position("order", "first"))
	last := publish(t, log, position("order", "last"))
	txn, err := log.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := txn.Produce(t.Context(), nil, position("order", "aborted")); err != nil {
		t.Fatal(err)
	}
	if err := log.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.cluster.Fake.Compact()
	for _, from := range []int64{0, first, last} {
		e, ok, err := log.Last(t.Context(), positionsTopic, "order", from)
		if err != nil || !ok || string(e.Value) != "last" {
			t.Errorf("from %d: %q %t %v", from, e.Value, ok, err)
		}
	}
	if n := len(b.read(positionsTopic)); n != 1 {
		t.Errorf("%d records left by compaction", n)
	}
}

// See KafkaLog.Init: what keeps two relays that initialise at once from
// publishing the same rows.
func TestKafkaLog_FirstTransactionUsesTheIDInitialisedFirst(t *testing.T) {
	b := newBench(t)
	log := b.log()
	for range 3 {
		if err := log.Init(t.Context()); err != nil {
			t.Fatal(err)
		}
		publish(t, log, position("order", "a batch"))
	}
	for i, q := range kafkatest.Requests[*kmsg.InitProducerIDRequest](b.cluster.Proxy) {
		if want := fmt.Sprintf("order-%d", i%2); *q.TransactionalID != want {
			t.Errorf("initialisation %d is of %s, not %s", i, *q.TransactionalID, want)
		}
	}
	ends := kafkatest.Requests[*kmsg.EndTxnRequest](b.cluster.Proxy)
	if len(ends) != 3 {
		t.Fatalf("%d transactions ended, not 3", len(ends))
	}
	for i, q := range ends {
		if q.TransactionalID != "order-0" {
			t.Errorf("transaction %d after an initialisation uses %s", i, q.TransactionalID)
		}
	}
}
