package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

// member runs a member of a group and tells what it was assigned.
type member struct {
	cancel context.CancelFunc
	ended  chan error

	mu    sync.Mutex
	now   []TopicPartition // nil between generations
	gens  int
	errs  []error
	extra func(ctx context.Context, a *Assignment) error
}

func fastGroup(topics ...string) GroupConfig {
	return GroupConfig{
		ID: "group", Topics: topics, HeartbeatInterval: 50 * time.Millisecond, SessionTimeout: time.Second,
		RebalanceTimeout: 3 * time.Second, JoinBackoff: 20 * time.Millisecond, WatchInterval: 50 * time.Millisecond,
	}
}

func startGroupCluster(t *testing.T, opts ...kfake.Opt) *kafkatest.Cluster {
	t.Helper()
	return kafkatest.StartCluster(t, append([]kfake.Opt{kfake.GroupMinSessionTimeout(100 * time.Millisecond)}, opts...)...)
}

func join(t *testing.T, brokers []string, cfg GroupConfig, extra func(ctx context.Context, a *Assignment) error) *member {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	m := &member{cancel: cancel, ended: make(chan error, 1), extra: extra}
	cfg.OnError = func(err error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.errs = append(m.errs, err)
	}
	c := consumerClient(t, brokers)
	go func() {
		defer close(m.ended)
		m.ended <- RunGroup(ctx, c, cfg, m.handle)
	}()
	t.Cleanup(func() { m.leave(t) })
	return m
}

func (m *member) handle(ctx context.Context, a *Assignment) error {
	m.mu.Lock()
	m.now = append([]TopicPartition{}, a.Partitions...)
	m.gens++
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.now = nil
	}()
	if m.extra != nil {
		return m.extra(ctx, a)
	}
	<-ctx.Done()
	return ctx.Err()
}

// leave stops the member and waits for it. It may be called again.
func (m *member) leave(t *testing.T) {
	t.Helper()
	m.cancel()
	select {
	case err := <-m.ended:
		if err != nil {
			t.Errorf("RunGroup: %v", err)
		}
	case <-time.After(consumerTestLimit):
		t.Error("RunGroup did not return")
	}
}

func (m *member) owns() []TopicPartition {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.now)
}

func (m *member) generations() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.gens
}

func (m *member) errors() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fmt.Sprint(m.errs)
}

func (m *member) waitFor(t *testing.T, partitions int) {
	t.Helper()
	eventuallyTrue(t, fmt.Sprintf("%d partitions", partitions), func() bool {
		now := m.owns()
		return now != nil && len(now) == partitions
	})
}

func TestGroup_MembersShareAndHandOver(t *testing.T) {
	t.Parallel()
	cluster := startGroupCluster(t, kfake.SeedTopics(4, "orders", "payments"))
	cfg := fastGroup("orders", "payments")
	cfg.SessionTimeout = 4 * consumerTestLimit // who waited for it to end would be seen
	a := join(t, cluster.Brokers, cfg, nil)
	a.waitFor(t, 8)
	b := join(t, cluster.Brokers, cfg, nil)
	b.waitFor(t, 4)
	a.waitFor(t, 4)
	all := append(a.owns(), b.owns()...)
	slices.SortFunc(all, comparePartitions)
	if all = slices.Compact(all); len(all) != 8 {
		t.Errorf("together they own %v", all)
	}
	for _, m := range []*member{a, b} {
		own := m.owns()
		if !slices.IsSortedFunc(own, comparePartitions) {
			t.Errorf("not sorted: %v", own)
		}
		// The same key of both topics meets in one member.
		for _, tp := range own {
			if !slices.Contains(own, TopicPartition{"orders", tp.Partition}) || !slices.Contains(own, TopicPartition{"payments", tp.Partition}) {
				t.Errorf("%v is not shared alike", own)
			}
		}
	}
	b.leave(t)
	a.waitFor(t, 8) // long before b's session could end
}

func TestGroup_PartitionsOfACrashedMemberGoToTheOthers(t *testing.T) {
	t.Parallel()
	cluster := startGroupCluster(t, kfake.SeedTopics(4, "orders"))
	a := join(t, cluster.Brokers, fastGroup("orders"), nil)
	a.waitFor(t, 4)
	// A member that joins and is never heard of again.
	cg, err := kafkago.NewConsumerGroup(kafkago.ConsumerGroupConfig{
		ID: "group", Brokers: cluster.Brokers, Topics: []string{"orders"}, GroupBalancers: []kafkago.GroupBalancer{kafkago.RangeGroupBalancer{}},
		HeartbeatInterval: time.Hour, SessionTimeout: time.Second, RebalanceTimeout: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cg.Next(consumerContext(t)); err != nil {
		t.Fatal(err)
	}
	a.waitFor(t, 2)
	a.waitFor(t, 4)
	if err := cg.Close(); err != nil {
		t.Error(err)
	}
}

func TestGroup_AHandlersErrorIsRetriedInTheSameGeneration(t *testing.T) {
	t.Parallel()
	cluster := startGroupCluster(t, kfake.SeedTopics(2, "orders"))
	neighbour := join(t, cluster.Brokers, fastGroup("orders"), nil)
	neighbour.waitFor(t, 2)
	var calls atomic.Int32
	var generations sync.Map
	m := join(t, cluster.Brokers, fastGroup("orders"), func(ctx context.Context, a *Assignment) error {
		generations.Store(a.Generation, true)
		if calls.Add(1) <= 3 {
			return errors.New("database is away")
		}
		<-ctx.Done()
		return nil
	})
	eventuallyTrue(t, "the fourth call", func() bool { return calls.Load() == 4 })
	neighbour.waitFor(t, 1)
	n := 0
	generations.Range(func(_, _ any) bool { n++; return true })
	if n != 1 || neighbour.generations() != 2 {
		t.Errorf("errors made generations: %d here, %d there", n, neighbour.generations())
	}
	if got := m.errors(); strings.Count(got, "database is away") != 3 {
		t.Errorf("reported: %s", got)
	}
}

func TestGroup_AHandlerThatReturnsEarlyEndsNothing(t *testing.T) {
	t.Parallel()
	cluster := startGroupCluster(t, kfake.SeedTopics(2, "orders"))
	returned := make(chan struct{}, 10)
	early := join(t, cluster.Brokers, fastGroup("orders"), func(context.Context, *Assignment) error {
		returned <- struct{}{}
		return nil
	})
	<-returned
	other := join(t, cluster.Brokers, fastGroup("orders"), nil)
	other.waitFor(t, 1)
	<-returned
	beats := func() int { return len(kafkatest.Requests[*kmsg.HeartbeatRequest](cluster.Proxy)) }
	before := beats()
	eventuallyTrue(t, "some more heartbeats", func() bool { return beats() > before+6 })
	if early.generations() != 2 || other.generations() != 1 {
		t.Errorf("%d and %d generations", early.generations(), other.generations())
	}
}

func TestGroup_WaitsForAWorkerThatIsSlowToStop(t *testing.T) {
	t.Parallel()
	cluster := startGroupCluster(t, kfake.SeedTopics(2, "orders"))
	stop, stopped := make(chan struct{}), make(chan struct{})
	var inside atomic.Int32
	var overlaps atomic.Int32
	slow := join(t, cluster.Brokers, fastGroup("orders"), func(ctx context.Context, _ *Assignment) error {
		if inside.Add(1) > 1 {
			overlaps.Add(1)
		}
		defer inside.Add(-1)
		<-ctx.Done()
		select {
		case stopped <- struct{}{}:
			<-stop // a zombie: its time is over, and it is still at work
		default:
		}
		return nil
	})
	slow.waitFor(t, 2)
	other := join(t, cluster.Brokers, fastGroup("orders"), nil)
	<-stopped
	// The group does not wait for ever: the other one gets everything.
	other.waitFor(t, 2)
	if slow.generations() != 1 {
		t.Errorf("%d generations beside the zombie", slow.generations())
	}
	close(stop)
	slow.waitFor(t, 1)
	if overlaps.Load() != 0 {
		t.Error("two handlers of one member at once")
	}
}

func TestGroup_RunReturnsOnlyAfterItsHandler(t *testing.T) {
	t.Parallel()
	cluster := startGroupCluster(t, kfake.SeedTopics(1, "orders"))
	var finished atomic.Bool
	release := make(chan struct{})
	m := join(t, cluster.Brokers, fastGroup("orders"), func(ctx context.Context, _ *Assignment) error {
		<-ctx.Done()
		if !errors.Is(ctx.Err(), context.Canceled) {
			t.Errorf("the generation ended with %v", ctx.Err())
		}
		<-release
		finished.Store(true)
		return nil
	})
	m.waitFor(t, 1)
	m.cancel()
	select {
	case <-m.ended:
		t.Fatal("returned beside its handler")
	case <-time.After(100 * time.Millisecond): // long enough for it to leave, were it to
	}
	close(release)
	m.leave(t)
	if !finished.Load() {
		t.Error("the handler was not waited for")
	}
}

func TestGroup_SeesTopicsThatAreCreatedAfterTheJoin(t *testing.T) {
	t.Parallel()
	cluster := startGroupCluster(t, kfake.SeedTopics(2, "orders"))
	cl := franz(t, cluster.Brokers)
	a := join(t, cluster.Brokers, fastGroup("orders", "payments", "stock"), nil)
	a.waitFor(t, 2) // two of three are missing, and that holds nobody up
	gens := a.generations()
	createTopic(t, cl, "payments", 3, nil)
	a.waitFor(t, 5)
	createTopic(t, cl, "stock", 1, nil)
	a.waitFor(t, 6)
	if a.generations() != gens+2 {
		t.Errorf("%d generations for two changes", a.generations()-gens)
	}
	req := kmsg.NewPtrCreatePartitionsRequest()
	rt := kmsg.NewCreatePartitionsRequestTopic()
	rt.Topic, rt.Count = "stock", 4
	req.Topics = append(req.Topics, rt)
	if _, err := req.RequestWith(consumerContext(t), cl); err != nil {
		t.Fatal(err)
	}
	a.waitFor(t, 9)
}

func TestGroup_SeesATopicThatIsRecreated(t *testing.T) {
	t.Parallel()
	cluster := startGroupCluster(t, kfake.SeedTopics(2, "orders"))
	a := join(t, cluster.Brokers, fastGroup("orders"), nil)
	a.waitFor(t, 2)
	gens := a.generations()
	if err := cluster.Fake.DeleteTopic("orders"); err != nil {
		t.Fatal(err)
	}
	createTopic(t, franz(t, cluster.Brokers), "orders", 2, nil)
	eventuallyTrue(t, "a new generation", func() bool { return a.generations() > gens })
	a.waitFor(t, 2)
}
