package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

func scanned(t *testing.T, scan func(ctx context.Context, fn func(Record) error) error) []string {
	t.Helper()
	out := []string{}
	last := map[TopicPartition]int64{}
	err := scan(consumerContext(t), func(r Record) error {
		tp := r.TopicPartition()
		if at, ok := last[tp]; ok && r.Offset <= at {
			t.Errorf("%s: offset %d after %d", tp, r.Offset, at)
		}
		last[tp] = r.Offset
		out = append(out, fmt.Sprintf("%s@%d=%s", tp, r.Offset, r.Value))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func TestScan_ReadsEveryPartitionToTheEnd(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Start(t, kfake.NumBrokers(3), kfake.SeedTopics(5, "a", "b"), kfake.SeedTopics(1, "empty"))
	cl := franz(t, brokers, kgo.TransactionalID("w"))
	var want []string
	for _, topic := range []string{"a", "b"} {
		for p := range int32(5) {
			transact(t, cl, true, recs(topic, p, "yes", 40)...)
			transact(t, cl, false, recs(topic, p, "no", 10)...)
			for i := range 40 {
				want = append(want, fmt.Sprintf("%s/%d@%d=yes%d", topic, p, i, i))
			}
		}
	}
	slices.Sort(want)
	c := consumerClient(t, brokers)
	got := scanned(t, func(ctx context.Context, fn func(Record) error) error {
		return c.Scan(ctx, ReadCommitted, []string{"a", "b", "empty"}, fn)
	})
	if d := diff(got, want); d != "" {
		t.Error(d)
	}
}

func TestScan_EndsWhereTheLogEndedWhenItBegan(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Start(t, kfake.SeedTopics(1, "events"))
	cl := franz(t, brokers)
	produce(t, cl, recs("events", 0, "r", 3)...)
	c := consumerClient(t, brokers)
	n := 0
	err := c.Scan(consumerContext(t), ReadCommitted, []string{"events"}, func(Record) error {
		n++
		produce(t, cl, recs("events", 0, "more", 3)...)
		return nil
	})
	if err != nil || n != 3 {
		t.Errorf("%d records, %v; want the 3 that were there", n, err)
	}
}

func TestScan_ReturnsTheErrorOfItsFunction(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Start(t, kfake.SeedTopics(1, "events"))
	produce(t, franz(t, brokers), recs("events", 0, "r", 3)...)
	enough, n := errors.New("enough"), 0
	err := consumerClient(t, brokers).Scan(consumerContext(t), ReadCommitted, []string{"events"}, func(Record) error {
		n++
		return enough
	})
	if !errors.Is(err, enough) || n != 1 {
		t.Errorf("%v after %d records", err, n)
	}
}

func TestScan_NamesTheTopicsThatAreMissing(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Start(t, kfake.SeedTopics(1, "events"))
	err := consumerClient(t, brokers).Scan(consumerContext(t), ReadCommitted, []string{"events", "gone", "lost"}, func(Record) error { return nil })
	if !errors.Is(err, ErrUnknownTopic) || !containsAll(err.Error(), `"gone"`, `"lost"`) {
		t.Errorf("%v", err)
	}
}

func TestScanFrom_ReadsPastAnOpenTransactionOfSomebodyElse(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Start(t, kfake.SeedTopics(1, "positions"))
	tp := TopicPartition{"positions", 0}
	other, own := franz(t, brokers, kgo.TransactionalID("other")), franz(t, brokers, kgo.TransactionalID("own"))
	transact(t, own, true, rec("positions", 0, "own", "1")) // 0, marker 1
	if err := other.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produce(t, other, rec("positions", 0, "other", "open")) // 2
	transact(t, own, true, rec("positions", 0, "own", "2")) // 3, marker 4

	c := consumerClient(t, brokers)
	got := scanned(t, func(ctx context.Context, fn func(Record) error) error {
		return c.ScanFrom(ctx, ReadUncommitted, map[TopicPartition]int64{tp: 1}, fn)
	})
	if want := []string{"positions/0@2=open", "positions/0@3=2"}; !slices.Equal(got, want) {
		t.Errorf("to the high watermark: %v, want %v", got, want)
	}
	for _, from := range []int64{2, 4} { // at, and beyond, the last stable offset
		got = scanned(t, func(ctx context.Context, fn func(Record) error) error {
			return c.ScanFrom(ctx, ReadCommitted, map[TopicPartition]int64{tp: from}, fn)
		})
		if len(got) != 0 {
			t.Errorf("to the last stable offset, from %d: %v", from, got)
		}
	}
	if err := other.EndTransaction(consumerContext(t), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
}

func TestScanFrom_RefusesPositionsOfAnotherLog(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.StartCluster(t, kfake.SeedTopics(1, "events"))
	produce(t, franz(t, cluster.Brokers), recs("events", 0, "r", 6)...)
	if err := cluster.Fake.DeleteRecords("events", 0, 2); err != nil {
		t.Fatal(err)
	}
	c := consumerClient(t, cluster.Brokers)
	tp := TopicPartition{"events", 0}
	for _, iso := range []Isolation{ReadCommitted, ReadUncommitted} {
		for at, want := range map[int64]bool{0: false, 1: false, 2: true, 6: true, 7: false, 100: false} {
			err := c.ScanFrom(consumerContext(t), iso, map[TopicPartition]int64{tp: at}, func(Record) error { return nil })
			if ok := err == nil; ok != want || !ok && !errors.Is(err, ErrOffsetOutOfRange) {
				t.Errorf("%v from %d: %v", iso, at, err)
			}
		}
	}
}

func TestScan_GoesOnBehindRecordsThatAreDeletedUnderIt(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.StartCluster(t, kfake.SeedTopics(1, "events"))
	produce(t, franz(t, cluster.Brokers), recs("events", 0, "r", 6)...)
	cluster.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.Fetch), Match: func(kmsg.Request) bool {
		return cluster.Fake.DeleteRecords("events", 0, 4) != nil // deletes, then lets the request pass
	}})
	c := consumerClient(t, cluster.Brokers)
	got := scanned(t, func(ctx context.Context, fn func(Record) error) error {
		return c.Scan(ctx, ReadCommitted, []string{"events"}, fn)
	})
	if want := []string{"events/0@4=r4", "events/0@5=r5"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestScan_EndsBeforeATailThatCompactionEmptied(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.StartCluster(t, kfake.SeedTopics(1, "events"))
	produce(t, franz(t, cluster.Brokers), recs("events", 0, "r", 4)...)
	// What a broker answers for a range in which nothing is left: no records, and
	// ends that lie ahead.
	cluster.Proxy.Inject(kafkatest.Fault{
		Key: int16(kmsg.Fetch), Times: kafkatest.Always, After: true,
		Edit: func(_ kmsg.Request, resp kmsg.Response) {
			for _, t := range resp.(*kmsg.FetchResponse).Topics {
				for i := range t.Partitions {
					t.Partitions[i].RecordBatches = nil
				}
			}
		},
	})
	c := consumerClient(t, cluster.Brokers)
	got := scanned(t, func(ctx context.Context, fn func(Record) error) error {
		return c.Scan(ctx, ReadCommitted, []string{"events"}, fn)
	})
	if len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// A broker under load answers a poll later than it was asked to. Its answer counts
// all the same, whichever partition it is for.
func TestScan_WaitsForSlowAnswers(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.StartCluster(t, kfake.SeedTopics(3, "events"))
	cl := franz(t, cluster.Brokers)
	for p := range int32(3) {
		produce(t, cl, recs("events", p, "r", 4)...)
	}
	slow := time.NewTicker(scanWait + 3*answerGrace)
	defer slow.Stop()
	in := cluster.Proxy.Inject(kafkatest.Fault{
		Key: int16(kmsg.Fetch), Times: kafkatest.Always, After: true,
		Edit: func(kmsg.Request, kmsg.Response) { <-slow.C },
	})
	c := consumerClient(t, cluster.Brokers)
	got := scanned(t, func(ctx context.Context, fn func(Record) error) error {
		return c.Scan(ctx, ReadCommitted, []string{"events"}, fn)
	})
	if len(got) != 12 {
		t.Errorf("%v", got)
	}
	if n := in.Hits(); n > 1 {
		t.Errorf("asked %d times for what one answer brings", n)
	}
}

func TestScan_ReportsACorruptBatch(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.StartCluster(t, kfake.SeedTopics(1, "events"))
	cl := franz(t, cluster.Brokers)
	produce(t, cl, rec("events", 0, "k", "good"))
	produce(t, cl, rec("events", 0, "k", "bad"))
	cluster.Proxy.Inject(kafkatest.Fault{
		Key: int16(kmsg.Fetch), Times: kafkatest.Always, After: true,
		Edit: func(_ kmsg.Request, resp kmsg.Response) {
			p := &resp.(*kmsg.FetchResponse).Topics[0].Partitions[0]
			if n := len(p.RecordBatches); n > 0 {
				p.RecordBatches[n-1] ^= 1
			}
		},
	})
	var got []string
	err := consumerClient(t, cluster.Brokers).Scan(consumerContext(t), ReadCommitted, []string{"events"}, func(r Record) error {
		got = append(got, string(r.Value))
		return nil
	})
	if !errors.Is(err, ErrCorrupt) || !containsAll(err.Error(), "events/0 at 1") || !slices.Equal(got, []string{"good"}) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestOffsets_AreThoseOfTheIsolation(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.StartCluster(t, kfake.NumBrokers(3), kfake.SeedTopics(6, "events"))
	cl := franz(t, cluster.Brokers, kgo.TransactionalID("w"))
	var tps []TopicPartition
	for p := range int32(6) {
		transact(t, cl, true, recs("events", p, "r", int(p)+1)...)
		tps = append(tps, TopicPartition{"events", p})
	}
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produce(t, cl, rec("events", 5, "k", "open"))
	if err := cluster.Fake.DeleteRecords("events", 3, 2); err != nil {
		t.Fatal(err)
	}
	// Every kind of fault once, on top.
	cluster.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.ListOffsets), Code: 6})
	cluster.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.ListOffsets), Drop: true})
	c, ctx := consumerClient(t, cluster.Brokers), consumerContext(t)
	starts, err1 := c.StartOffsets(ctx, tps...)
	stable, err2 := c.EndOffsets(ctx, ReadCommitted, tps...)
	high, err3 := c.EndOffsets(ctx, ReadUncommitted, tps...)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	for _, tp := range tps {
		start, end := int64(0), int64(tp.Partition)+2
		open := end
		if tp.Partition == 3 {
			start = 2
		}
		if tp.Partition == 5 {
			open++
		}
		if starts[tp] != start || stable[tp] != end || high[tp] != open {
			t.Errorf("%s: %d, %d, %d; want %d, %d, %d", tp, starts[tp], stable[tp], high[tp], start, end, open)
		}
	}
	if _, err := c.EndOffsets(ctx, ReadCommitted, TopicPartition{"events", 6}); !errors.Is(err, ErrUnknownTopic) {
		t.Errorf("partition 6: %v", err)
	}
	if err := cl.EndTransaction(ctx, kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
}
