package kafka

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

func TestFetch_ReportsAPositionOutsideTheLog(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.StartCluster(t, kfake.SeedTopics(2, "events"))
	cl := franz(t, cluster.Brokers)
	produce(t, cl, recs("events", 0, "a", 5)...)
	produce(t, cl, recs("events", 1, "b", 5)...)
	if err := cluster.Fake.DeleteRecords("events", 0, 3); err != nil {
		t.Fatal(err)
	}
	f := testFetcher(t, consumerClient(t, cluster.Brokers), FetcherConfig{Isolation: ReadCommitted})
	deleted, ahead := TopicPartition{"events", 0}, TopicPartition{"events", 1}
	pages, err := answered(t, f, map[TopicPartition]int64{deleted: 1, ahead: 9})
	if err != nil || len(pages) != 2 {
		t.Fatalf("%+v, %v", pages, err)
	}
	for i, at := range []int64{1, 9} {
		if p := pages[i]; !errors.Is(p.Err, ErrOffsetOutOfRange) || p.Next != at || len(p.Records) != 0 {
			t.Errorf("%+v", p)
		}
	}
}

func TestFetch_ReportsATopicThatDoesNotExist(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Start(t, kfake.SeedTopics(1, "events"))
	produce(t, franz(t, brokers), rec("events", 0, "k", "v"))
	f := testFetcher(t, consumerClient(t, brokers), FetcherConfig{})
	none, few := TopicPartition{"nowhere", 0}, TopicPartition{"events", 7}
	pages, err := answered(t, f, map[TopicPartition]int64{none: 0, few: 0})
	if err != nil || len(pages) != 2 || !errors.Is(pages[0].Err, ErrUnknownTopic) || !errors.Is(pages[1].Err, ErrUnknownTopic) {
		t.Fatalf("%+v, %v", pages, err)
	}
	got := drainPartition(t, f, TopicPartition{"events", 0}, 0, 1)
	if len(got) != 1 {
		t.Errorf("the partition that exists: %v", got)
	}
}

func TestFetch_FollowsALeaderThatMoves(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.StartCluster(t, kfake.NumBrokers(3), kfake.SeedTopics(1, "events"))
	cl := franz(t, cluster.Brokers)
	c, tp := consumerClient(t, cluster.Brokers), TopicPartition{"events", 0}
	f := testFetcher(t, c, FetcherConfig{Isolation: ReadCommitted, MaxWait: 2 * time.Second})
	for node := range int32(3) {
		if err := cluster.Fake.MoveTopicPartition("events", 0, node); err != nil {
			t.Fatal(err)
		}
		produce(t, cl, rec("events", 0, "k", fmt.Sprint(node)))
		if got := drainPartition(t, f, tp, int64(node), int64(node)+1); len(got) != 1 {
			t.Errorf("on node %d: %v", node, got)
		}
	}
}

func TestFetch_SurvivesFaultsOfTheLeader(t *testing.T) {
	t.Parallel()
	const leaderNotAvailable, notLeader, fenced, unknownEpoch = 5, 6, 74, 75
	for name, fault := range map[string]kafkatest.Fault{
		"leader not available":   {Code: leaderNotAvailable, Times: 2},
		"not the leader":         {Code: notLeader, Times: 2},
		"fenced leader epoch":    {Code: fenced},
		"unknown leader epoch":   {Code: unknownEpoch},
		"connection lost before": {Drop: true},
		"answer lost":            {Drop: true, After: true, Times: 2},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := kafkatest.StartCluster(t, kfake.SeedTopics(1, "events"))
			produce(t, franz(t, cluster.Brokers), recs("events", 0, "r", 3)...)
			fault.Key = int16(kmsg.Fetch)
			in := cluster.Proxy.Inject(fault)
			f := testFetcher(t, consumerClient(t, cluster.Brokers), FetcherConfig{Isolation: ReadCommitted, MaxWait: 5 * time.Second})
			pages, err := f.Fetch(consumerContext(t), map[TopicPartition]int64{{"events", 0}: 0})
			if err != nil || len(pages) != 1 || len(pages[0].Records) != 3 || pages[0].Err != nil {
				t.Errorf("%+v, %v", pages, err)
			}
			in.Wait(t)
		})
	}
}

func TestFetch_ShowsAFaultThatOutlastsTheWait(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.StartCluster(t, kfake.SeedTopics(1, "events"))
	produce(t, franz(t, cluster.Brokers), recs("events", 0, "r", 3)...)
	in := cluster.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.Fetch), Code: 5, Times: kafkatest.Always})
	tp := TopicPartition{"events", 0}
	f := testFetcher(t, consumerClient(t, cluster.Brokers), FetcherConfig{MaxWait: 300 * time.Millisecond})
	began := time.Now()
	pages, err := answered(t, f, map[TopicPartition]int64{tp: 1})
	if err != nil || len(pages) != 1 || !errors.Is(pages[0].Err, codeLeaderNotAvailable) || pages[0].Next != 1 {
		t.Errorf("%+v, %v", pages, err)
	}
	if took := time.Since(began); took < 200*time.Millisecond {
		t.Errorf("gave up after %v", took)
	}
	if n := in.Hits(); n > 8 {
		t.Errorf("%d requests in 300 ms", n)
	}
	in.Remove()
	if got := drainPartition(t, f, tp, 1, 3); len(got) != 2 {
		t.Errorf("after the fault: %v", got)
	}
}

func TestFetch_DeliversEverythingThroughCutConnections(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.StartCluster(t, kfake.NumBrokers(2), kfake.SeedTopics(4, "events"))
	cl := franz(t, cluster.Brokers)
	positions := map[TopicPartition]int64{}
	for p := range int32(4) {
		produce(t, cl, recs("events", p, "r", 200)...)
		positions[TopicPartition{"events", p}] = 0
	}
	f := testFetcher(t, consumerClient(t, cluster.Brokers), FetcherConfig{Isolation: ReadCommitted, PartitionMaxBytes: 1})
	total, ctx := 0, consumerContext(t)
	for n := 0; total < 800; n++ {
		if n%5 == 0 {
			cluster.Proxy.CutAll()
			for p := range int32(4) {
				produce(t, cl, rec("events", p, "k", "v"))
			}
		}
		pages, err := f.Fetch(ctx, positions)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pages {
			for _, r := range p.Records {
				if at := positions[p.TopicPartition]; r.Offset < at {
					t.Fatalf("%s: offset %d again, position %d", p.TopicPartition, r.Offset, at)
				}
			}
			total += len(p.Records)
			positions[p.TopicPartition] = p.Next
		}
	}
}

func TestFetch_ReportsCorruptionAtOnceAfterWhatIsGood(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.StartCluster(t, kfake.SeedTopics(1, "events"))
	cl := franz(t, cluster.Brokers)
	produce(t, cl, rec("events", 0, "k", "good"))
	produce(t, cl, rec("events", 0, "k", "bad"))
	cluster.Proxy.Inject(kafkatest.Fault{
		Key: int16(kmsg.Fetch), Times: kafkatest.Always, After: true,
		Edit: func(_ kmsg.Request, resp kmsg.Response) {
			b := resp.(*kmsg.FetchResponse).Topics[0].Partitions[0].RecordBatches
			b[len(b)-1] ^= 1
		},
	})
	f, tp := testFetcher(t, consumerClient(t, cluster.Brokers), FetcherConfig{MaxWait: consumerTestLimit}), TopicPartition{"events", 0}
	pages, err := answered(t, f, map[TopicPartition]int64{tp: 0})
	if err != nil || len(pages) != 1 || pages[0].Err != nil || len(pages[0].Records) != 1 || pages[0].Next != 1 {
		t.Fatalf("%+v, %v", pages, err)
	}
	pages, err = answered(t, f, map[TopicPartition]int64{tp: 1})
	if err != nil || len(pages) != 1 || !errors.Is(pages[0].Err, ErrCorrupt) || len(pages[0].Records) != 0 || pages[0].Next != 1 {
		t.Errorf("%+v, %v", pages, err)
	}
}
