package kafka

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

func testFetcher(t testing.TB, c *Client, cfg FetcherConfig) *Fetcher {
	t.Helper()
	if cfg.MaxWait == 0 {
		cfg.MaxWait = 100 * time.Millisecond
	}
	f := NewFetcher(c, cfg)
	t.Cleanup(f.Close)
	return f
}

// answered repeats a Fetch until every leader has answered within its wait.
func answered(t *testing.T, f *Fetcher, positions map[TopicPartition]int64) ([]Page, error) {
	t.Helper()
	for ctx := consumerContext(t); ; {
		if pages, err := f.Fetch(ctx, positions); err != nil || len(pages) == len(positions) {
			return pages, err
		}
	}
}

func TestFetch_ReadsWhatFranzGoReadsFromEveryOffset(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Start(t, kfake.SeedTopics(1, "events"))
	tp := TopicPartition{"events", 0}
	kinds := []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()}
	for i, codec := range kinds {
		cl := franz(t, brokers, kgo.TransactionalID(fmt.Sprint("writer-", i)), kgo.ProducerBatchCompression(codec))
		for n := range 4 {
			transact(t, cl, n%2 == 0, recs("events", 0, fmt.Sprintf("%d.%d-", i, n), 1+3*n)...)
		}
	}
	plain := franz(t, brokers)
	produce(t, plain, &kgo.Record{Topic: "events", Key: []byte("gone"), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("v")}}})

	c := consumerClient(t, brokers)
	end := lastStable(t, c, tp)
	for from := range end + 1 {
		f := testFetcher(t, c, FetcherConfig{Isolation: ReadCommitted, PartitionMaxBytes: int32(1 + 400*(from%2))})
		got, want := drainPartition(t, f, tp, from, end), franzRead(t, brokers, tp, from, end)
		if d := diff(got, want); d != "" {
			t.Fatalf("from %d: %s", from, d)
		}
		f.Close()
	}
}

func TestFetch_NeverDeliversOpenOrAbortedTransactions(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Start(t, kfake.SeedTopics(1, "events"))
	c, tp := consumerClient(t, brokers), TopicPartition{"events", 0}
	a := franz(t, brokers, kgo.TransactionalID("a"))
	b := franz(t, brokers, kgo.TransactionalID("b"))
	if err := a.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produce(t, a, rec("events", 0, "a", "open")) // offset 0, not ended
	transact(t, b, true, rec("events", 0, "b", "committed behind it"))

	f := testFetcher(t, c, FetcherConfig{Isolation: ReadCommitted})
	pages, err := answered(t, f, map[TopicPartition]int64{tp: 0})
	if err != nil || len(pages) != 1 {
		t.Fatalf("%+v, %v", pages, err)
	}
	if p := pages[0]; len(p.Records) != 0 || p.Next != 0 || p.LastStable != 0 || p.HighWatermark != 3 || p.Err != nil {
		t.Errorf("beyond the last stable offset: %+v", p)
	}
	u := testFetcher(t, c, FetcherConfig{Isolation: ReadUncommitted})
	if got := drainPartition(t, u, tp, 0, 3); len(got) != 2 {
		t.Errorf("uncommitted: %v, want both records and no marker", got)
	}
	if err := a.EndTransaction(consumerContext(t), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	got := drainPartition(t, f, tp, 0, lastStable(t, c, tp))
	if want := []string{`1 "b"="committed behind it" nil:false headers:0`}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestFetch_PassesHolesAndTombstonesOfARealCompaction(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.StartCluster(t)
	cl := franz(t, cluster.Brokers, kgo.TransactionalID("w"), kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	createTopic(t, cl, "state", 1, map[string]string{
		"cleanup.policy": "compact", "segment.bytes": "2000", "delete.retention.ms": "0", "min.cleanable.dirty.ratio": "0.01",
	})
	rng := rand.New(rand.NewPCG(3, 4))
	final := map[string]string{}
	for n := range 120 {
		commit, batch := n%4 != 3, []*kgo.Record{}
		for range 1 + rng.IntN(5) {
			r := rec("state", 0, fmt.Sprint("key-", rng.IntN(8)), fmt.Sprint("value-", n))
			if rng.IntN(6) == 0 {
				r.Value = nil
			}
			batch = append(batch, r)
			if commit {
				final[string(r.Key)] = string(r.Value)
			}
		}
		transact(t, cl, commit, batch...)
	}
	c, tp := consumerClient(t, cluster.Brokers), TopicPartition{"state", 0}
	end := lastStable(t, c, tp)
	f := testFetcher(t, c, FetcherConfig{Isolation: ReadCommitted, PartitionMaxBytes: 1})
	before := len(drainPartition(t, f, tp, 0, end))
	for range 3 {
		cluster.Fake.Compact()
	}
	starts, err := c.StartOffsets(consumerContext(t), tp) // this broker deletes what compaction emptied at the front
	if err != nil {
		t.Fatal(err)
	}
	got := drainPartition(t, f, tp, starts[tp], end)
	if len(got) >= before/2 {
		t.Fatalf("compaction left %d of %d records", len(got), before)
	}
	t.Logf("%d offsets, %d records before and %d after compaction", end, before, len(got))
	for from := starts[tp]; from < end; from += max(1, (end-starts[tp])/30) {
		got, want := drainPartition(t, f, tp, from, end), franzRead(t, cluster.Brokers, tp, from, end)
		if d := diff(got, want); d != "" {
			t.Fatalf("from %d: %s", from, d)
		}
	}
	state := map[string]string{}
	if err := c.Scan(consumerContext(t), ReadCommitted, []string{"state"}, func(r Record) error {
		state[string(r.Key)] = string(r.Value)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for k, want := range final {
		if state[k] != want {
			t.Errorf("%s is %q, want %q", k, state[k], want)
		}
	}
}

func TestFetch_GetsPastABatchAboveTheByteLimits(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Start(t, kfake.SeedTopics(4, "events"))
	cl := franz(t, brokers)
	big := strings.Repeat("x", 300_000)
	want := map[TopicPartition]int64{}
	for p := range int32(4) {
		for range 5 {
			produce(t, cl, rec("events", p, "k", big))
		}
		want[TopicPartition{"events", p}] = 5
	}
	f := testFetcher(t, consumerClient(t, brokers), FetcherConfig{Isolation: ReadCommitted, PartitionMaxBytes: 1000, MaxBytes: 1000})
	positions, ctx := map[TopicPartition]int64{}, consumerContext(t)
	for tp := range want {
		positions[tp] = 0
	}
	for len(positions) > 0 {
		pages, err := f.Fetch(ctx, positions)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pages {
			if positions[p.TopicPartition] = p.Next; p.Next == want[p.TopicPartition] {
				delete(positions, p.TopicPartition)
			}
		}
	}
}

func TestFetchRequest_PutsEveryPartitionFirstInTurn(t *testing.T) {
	t.Parallel()
	positions := map[TopicPartition]int64{{"a", 0}: 0, {"a", 1}: 0, {"b", 0}: 0, {"b", 1}: 0, {"b", 2}: 0, {"c", 5}: 0}
	first := map[TopicPartition]bool{}
	for turn := range 18 {
		groups := fetchRequest{positions: positions, turn: turn}.order()
		n := 0
		for _, g := range groups {
			n += len(g.partitions)
		}
		if len(groups) != 3 || n != len(positions) {
			t.Fatalf("turn %d asks for %v", turn, groups)
		}
		first[TopicPartition{groups[0].topic, groups[0].partitions[0]}] = true
	}
	if len(first) != len(positions) {
		t.Errorf("only %v were ever first", first)
	}
}

func TestFetch_ReturnsWithTheFirstLeaderAndKeepsTheOtherPoll(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.StartCluster(t, kfake.NumBrokers(2), kfake.SeedTopics(2, "events"))
	for p := range int32(2) {
		if err := cluster.Fake.MoveTopicPartition("events", p, p); err != nil {
			t.Fatal(err)
		}
	}
	cl := franz(t, cluster.Brokers)
	a, b := TopicPartition{"events", 0}, TopicPartition{"events", 1}
	f := testFetcher(t, consumerClient(t, cluster.Brokers), FetcherConfig{Isolation: ReadCommitted, MaxWait: consumerTestLimit})
	positions, ctx := map[TopicPartition]int64{a: 0, b: 0}, consumerContext(t)
	for i := range int64(20) {
		produce(t, cl, rec("events", 0, "k", "v"))
		began := time.Now()
		pages, err := f.Fetch(ctx, positions)
		if err != nil || len(pages) != 1 || pages[0].TopicPartition != a || pages[0].Next != i+1 {
			t.Fatalf("%+v, %v", pages, err)
		}
		if took := time.Since(began); took > consumerTestLimit/2 {
			t.Fatalf("waited %v for the idle leader", took)
		}
		positions[a] = pages[0].Next
	}
	asked := 0
	for _, q := range kafkatest.Requests[*kmsg.FetchRequest](cluster.Proxy) {
		for _, p := range q.Topics[0].Partitions {
			if p.Partition == b.Partition {
				asked++
			}
		}
	}
	if asked != 1 {
		t.Errorf("the idle leader was asked %d times, want once", asked)
	}
	produce(t, cl, rec("events", 1, "k", "v"))
	pages, err := f.Fetch(ctx, positions)
	if err != nil || len(pages) != 1 || pages[0].TopicPartition != b {
		t.Errorf("the poll under way: %+v, %v", pages, err)
	}
}

func TestFetch_IgnoresAnAnswerForAnOldPosition(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.StartCluster(t, kfake.SeedTopics(1, "events"))
	cl := franz(t, cluster.Brokers)
	produce(t, cl, recs("events", 0, "r", 10)...)
	hold := make(chan struct{})
	in := cluster.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.Fetch), Hold: hold})
	f, tp := testFetcher(t, consumerClient(t, cluster.Brokers), FetcherConfig{Isolation: ReadCommitted}), TopicPartition{"events", 0}
	for held := false; !held; {
		pages, err := f.Fetch(consumerContext(t), map[TopicPartition]int64{tp: 8})
		if err != nil || len(pages) != 0 && pages[0].Err == nil {
			t.Fatalf("held: %+v, %v", pages, err)
		}
		select {
		case <-in.Held():
			held = true
		default: // the leader could not be asked yet
		}
	}
	close(hold)
	in.Wait(t)
	got := drainPartition(t, f, tp, 2, 10)
	if len(got) != 8 {
		t.Errorf("from 2: %v", got)
	}
}

func TestFetch_EndsWithItsContextAndWithClose(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Start(t, kfake.SeedTopics(1, "events"))
	f := NewFetcher(consumerClient(t, brokers), FetcherConfig{MaxWait: consumerTestLimit})
	positions := map[TopicPartition]int64{{"events", 0}: 0}
	ctx, cancel := contextThatEnds(t, 50*time.Millisecond)
	defer cancel()
	if _, err := f.Fetch(ctx, positions); !errors.Is(err, ctx.Err()) || err == nil {
		t.Errorf("cancelled: %v", err)
	}
	began := time.Now()
	f.Close()
	if took := time.Since(began); took > consumerTestLimit/3 {
		t.Errorf("Close took %v", took)
	}
	if _, err := f.Fetch(t.Context(), positions); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestFetch_WithoutPartitionsWaits(t *testing.T) {
	t.Parallel()
	f := testFetcher(t, consumerClient(t, []string{"127.0.0.1:1"}), FetcherConfig{MaxWait: 30 * time.Millisecond})
	began := time.Now()
	pages, err := f.Fetch(t.Context(), nil)
	if took := time.Since(began); err != nil || len(pages) != 0 || took < 30*time.Millisecond {
		t.Errorf("%v, %v after %v", pages, err, took)
	}
}
