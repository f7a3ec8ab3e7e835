package kafka

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

// ledger stands for the database of a service: effects, and beside them the
// position of each partition, moved by compare-and-set in the same transaction.
type ledger struct {
	mu      sync.Mutex
	next    map[TopicPartition]int64
	effects map[string]int
	lost    int // compare-and-sets
}

func (l *ledger) position(tp TopicPartition) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next[tp]
}

func (l *ledger) apply(p Page, from int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next[p.TopicPartition] != from {
		l.lost++
		return false
	}
	for _, r := range p.Records {
		l.effects[string(r.Value)]++
	}
	l.next[p.TopicPartition] = p.Next
	return true
}

func (l *ledger) distinct() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.effects)
}

// consume applies what the partitions hold until ctx ends, as an inbox does.
func (l *ledger) consume(ctx context.Context, c *Client, tps []TopicPartition) error {
	f := NewFetcher(c, FetcherConfig{Isolation: ReadCommitted, MaxWait: 50 * time.Millisecond, PartitionMaxBytes: 2000})
	defer f.Close()
	positions := map[TopicPartition]int64{}
	for _, tp := range tps {
		positions[tp] = l.position(tp)
	}
	for {
		pages, err := f.Fetch(ctx, positions)
		if err != nil {
			return err
		}
		for _, p := range pages {
			if p.passing() {
				continue // the next Fetch tries again
			}
			if p.Err != nil {
				return p.Err
			}
			if l.apply(p, positions[p.TopicPartition]) {
				positions[p.TopicPartition] = p.Next
			} else {
				positions[p.TopicPartition] = l.position(p.TopicPartition)
			}
		}
	}
}

func TestGroup_EveryEffectHappensOnceThroughChaos(t *testing.T) {
	t.Parallel()
	const partitions, wantGenerations = 4, 8
	cluster := startGroupCluster(t, kfake.NumBrokers(2), kfake.SeedTopics(partitions, "events"))
	l := &ledger{next: map[TopicPartition]int64{}, effects: map[string]int{}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var background sync.WaitGroup
	var all []TopicPartition
	for p := range int32(partitions) {
		all = append(all, TopicPartition{"events", p})
	}
	for range 2 { // zombies: they own everything, all the time, and no rebalance reaches them
		c := consumerClient(t, cluster.Brokers)
		background.Go(func() { _ = l.consume(ctx, c, all) })
	}
	worker := func() *member {
		c := consumerClient(t, cluster.Brokers)
		return join(t, cluster.Brokers, fastGroup("events"), func(ctx context.Context, a *Assignment) error { return l.consume(ctx, c, a.Partitions) })
	}
	steady := worker()
	cuts := []kmsg.Key{kmsg.Fetch, kmsg.Heartbeat, kmsg.JoinGroup, kmsg.SyncGroup, kmsg.OffsetFetch}
	background.Go(func() { // members come and go, the connections of readers are cut
		for ctx.Err() == nil {
			m := worker()
			pause(ctx, time.Duration(50+rand.IntN(150))*time.Millisecond)
			m.leave(t)
			cluster.Proxy.Inject(kafkatest.Fault{Key: int16(cuts[rand.IntN(len(cuts))]), Drop: true, After: rand.IntN(2) == 0})
		}
	})
	total := produceWhile(t, cluster, partitions, func() bool { return steady.generations() < wantGenerations })
	eventuallyTrue(t, "all effects", func() bool { return l.distinct() >= total })
	cancel()
	background.Wait()
	steady.leave(t)
	for i := range total {
		if n := l.effects[fmt.Sprint(i)]; n != 1 {
			t.Errorf("effect %d happened %d times", i, n)
		}
	}
	if len(l.effects) != total {
		t.Errorf("%d effects of aborted records", len(l.effects)-total)
	}
	t.Logf("%d effects, %d generations of the steady member, %d lost compare-and-sets", total, steady.generations(), l.lost)
}

// produceWhile commits the numbers below total, and aborts a third of its
// transactions.
func produceWhile(t *testing.T, cluster *kafkatest.Cluster, partitions int, more func() bool) (total int) {
	t.Helper()
	const perTransaction = 15
	cl, ctx := franz(t, cluster.Brokers, kgo.TransactionalID("w")), consumerContext(t)
	for round := 0; more(); round++ {
		if ctx.Err() != nil {
			t.Fatalf("the chaos did not come about: %v", ctx.Err())
		}
		sign, commit := "", round%3 != 1
		if !commit {
			sign = "aborted-"
		}
		var batch []*kgo.Record
		for i := total; i < total+perTransaction; i++ {
			batch = append(batch, rec("events", int32(i%partitions), "k", fmt.Sprint(sign, i)))
		}
		transact(t, cl, commit, batch...)
		if commit {
			total += perTransaction
		}
	}
	return total
}
