package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

func TestGroup_CommittedOffsetsAreThereForLagTools(t *testing.T) {
	t.Parallel()
	cluster := startGroupCluster(t, kfake.SeedTopics(2, "orders"))
	committed := make(chan error, 1)
	var old atomic.Pointer[Assignment]
	m := join(t, cluster.Brokers, fastGroup("orders"), func(ctx context.Context, a *Assignment) error {
		if old.CompareAndSwap(nil, a) {
			committed <- a.CommitOffsets(ctx, map[TopicPartition]int64{{"orders", 0}: 42, {"orders", 1}: 7})
		}
		<-ctx.Done()
		return nil
	})
	if err := <-committed; err != nil {
		t.Fatal(err)
	}
	if got := fetchOffsets(t, cluster.Brokers, "group", "orders", 2); !slices.Equal(got, []int64{42, 7}) {
		t.Errorf("committed %v", got)
	}
	// A member of a generation that is over is refused, and changes nothing.
	b := join(t, cluster.Brokers, fastGroup("orders"), nil)
	b.waitFor(t, 1)
	m.waitFor(t, 1)
	err := old.Load().CommitOffsets(consumerContext(t), map[TopicPartition]int64{{"orders", 0}: 1})
	if err == nil || !containsAll(err.Error(), "group", "orders/0", "ILLEGAL_GENERATION") {
		t.Errorf("an old generation: %v", err)
	}
	if got := fetchOffsets(t, cluster.Brokers, "group", "orders", 2); !slices.Equal(got, []int64{42, 7}) {
		t.Errorf("an old generation left %v", got)
	}
}

func TestGroup_CommitFollowsTheCoordinator(t *testing.T) {
	t.Parallel()
	cluster := startGroupCluster(t, kfake.NumBrokers(3), kfake.SeedTopics(1, "orders"))
	const notCoordinator = 16
	first := cluster.Fake.CoordinatorFor("group")
	c := consumerClient(t, cluster.Brokers)
	a := &Assignment{Generation: -1, client: c, group: "group", tracker: &coordinatorTracker{node: (first + 1) % 3, set: true}}
	offsets := map[TopicPartition]int64{{"orders", 0}: 5}
	if err := a.CommitOffsets(consumerContext(t), offsets); !errors.Is(err, Error(notCoordinator)) {
		t.Fatalf("to the wrong broker: %v", err)
	}
	if err := a.CommitOffsets(consumerContext(t), offsets); err != nil {
		t.Errorf("after that: %v", err)
	}
}

func fetchOffsets(t *testing.T, brokers []string, group, topic string, partitions int32) []int64 {
	t.Helper()
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Group = group
	rt := kmsg.NewOffsetFetchRequestTopic()
	rt.Topic = topic
	for p := range partitions {
		rt.Partitions = append(rt.Partitions, p)
	}
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(consumerContext(t), franz(t, brokers))
	if err != nil || len(resp.Topics) != 1 {
		t.Fatalf("%+v, %v", resp, err)
	}
	out := make([]int64, partitions)
	for _, p := range resp.Topics[0].Partitions {
		out[p.Partition] = p.Offset
	}
	return out
}

func TestGroup_SurvivesFaultsOfTheCoordinator(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]kafkatest.Fault{
		"coordinator unknown":   {Key: int16(kmsg.FindCoordinator), Code: 15},
		"coordinator loading":   {Key: int16(kmsg.JoinGroup), Code: 14, Times: 2},
		"member forgotten":      {Key: int16(kmsg.Heartbeat), Code: 25},
		"rebalance in sync":     {Key: int16(kmsg.SyncGroup), Code: 27},
		"join cut":              {Key: int16(kmsg.JoinGroup), Drop: true},
		"heartbeat unanswered":  {Key: int16(kmsg.Heartbeat), Drop: true, After: true},
		"metadata at the start": {Key: int16(kmsg.Metadata), Drop: true, Times: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := startGroupCluster(t, kfake.SeedTopics(3, "orders"))
			in := cluster.Proxy.Inject(fault)
			a := join(t, cluster.Brokers, fastGroup("orders"), nil)
			in.Wait(t)
			a.waitFor(t, 3)
		})
	}
}

func TestGroup_ReturnsWhatWillNotPass(t *testing.T) {
	t.Parallel()
	cluster := startGroupCluster(t, kfake.SeedTopics(1, "orders"))
	cluster.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.JoinGroup), Code: 30, Times: kafkatest.Always})
	err := RunGroup(consumerContext(t), consumerClient(t, cluster.Brokers), fastGroup("orders"), func(context.Context, *Assignment) error { return nil })
	if err == nil || !containsAll(err.Error(), "group", "GROUP_AUTHORIZATION_FAILED") {
		t.Errorf("%v", err)
	}
}

func TestGroup_EndsWhileTheClusterIsAway(t *testing.T) {
	t.Parallel()
	ctx, cancel := contextThatEnds(t, 100*time.Millisecond)
	defer cancel()
	cfg := fastGroup("orders")
	var errs atomic.Int32
	cfg.OnError = func(error) { errs.Add(1) }
	began := time.Now()
	err := RunGroup(ctx, consumerClient(t, []string{"127.0.0.1:1"}), cfg, func(context.Context, *Assignment) error {
		t.Error("called without a group")
		return nil
	})
	if err != nil || time.Since(began) > consumerTestLimit/3 {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

func TestGroupConfig_ReportsEveryFault(t *testing.T) {
	t.Parallel()
	err := GroupConfig{Topics: []string{""}, SessionTimeout: time.Second, JoinBackoff: -1, WatchInterval: time.Microsecond}.Validate()
	if err == nil || !containsAll(err.Error(), "id is missing", "a topic has no name", "join backoff", "watch interval", "at most a third") {
		t.Errorf("%v", err)
	}
	if err := (GroupConfig{ID: "g", Topics: []string{"t"}}).Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	if err := RunGroup(t.Context(), nil, GroupConfig{}, nil); err == nil {
		t.Error("an empty config was accepted")
	}
}

func TestAssignRanges_SharesEveryTopicAlike(t *testing.T) {
	t.Parallel()
	topics := []string{"a", "b"}
	members := []kafkago.GroupMember{{ID: "z", Topics: topics}, {ID: "x", Topics: topics}, {ID: "y", Topics: []string{"a"}}}
	got := assignRanges(members, map[string]int{"a": 7, "b": 3, "unasked": 2})
	want := kafkago.GroupMemberAssignments{
		"x": {"a": {0, 1}, "b": {0}},
		"y": {"a": {2, 3}},
		"z": {"a": {4, 5, 6}, "b": {1, 2}},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := assignRanges(members[:1], nil); len(got["z"]) != 0 {
		t.Errorf("no partitions: %v", got)
	}
}
