//go:build e2e

package kafka_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

// ledger stands for the database of a service: effects, and beside them the
// position of each partition, moved by compare-and-set in the same transaction.
type ledger struct {
	mu      sync.Mutex
	next    map[kafka.TopicPartition]int64
	effects map[string]int
	lost    int // compare-and-sets
}

func newLedger() *ledger {
	return &ledger{next: map[kafka.TopicPartition]int64{}, effects: map[string]int{}}
}

func (l *ledger) position(tp kafka.TopicPartition) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next[tp]
}

func (l *ledger) apply(p kafka.Page, from int64) bool {
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

func (l *ledger) count() (effects, lost int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.effects), l.lost
}

// member is a consumer that can be frozen between its fetch and its commit, as a
// process that is stopped or a machine that swaps.
type member struct {
	l      *ledger
	client *kafka.Client
	freeze <-chan struct{} // closed: the next page waits for thaw; nil: never
	thaw   <-chan struct{}
	frozen chan struct{} // closed once it waits

	cancel      context.CancelFunc
	done        chan error
	mu          sync.Mutex
	generations [][]kafka.TopicPartition
}

func (r *rig) member(group, topic string, l *ledger, freeze, thaw <-chan struct{}) *member {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.ctx)
	m := &member{l: l, client: r.client(), freeze: freeze, thaw: thaw, frozen: make(chan struct{}), cancel: cancel, done: make(chan error, 1)}
	go func() {
		m.done <- kafka.RunGroup(ctx, r.client(), kafka.GroupConfig{ID: group, Topics: []string{topic}}, m.consume)
	}()
	r.t.Cleanup(cancel)
	return m
}

func (m *member) assigned() []kafka.TopicPartition {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.generations) == 0 {
		return nil
	}
	return m.generations[len(m.generations)-1]
}

func (m *member) consume(ctx context.Context, a *kafka.Assignment) error {
	m.mu.Lock()
	m.generations = append(m.generations, a.Partitions)
	m.mu.Unlock()
	f := kafka.NewFetcher(m.client, kafka.FetcherConfig{Isolation: kafka.ReadCommitted, MaxWait: 200 * time.Millisecond, PartitionMaxBytes: 2_000})
	defer f.Close()
	positions := map[kafka.TopicPartition]int64{}
	for _, tp := range a.Partitions {
		positions[tp] = m.l.position(tp)
	}
	for {
		pages, err := f.Fetch(ctx, positions)
		if err != nil {
			return err
		}
		m.maybeFreeze(pages)
		for _, p := range pages {
			switch {
			case p.Err != nil:
				return p.Err
			case m.l.apply(p, positions[p.TopicPartition]):
				positions[p.TopicPartition] = p.Next
			default:
				positions[p.TopicPartition] = m.l.position(p.TopicPartition)
			}
		}
		_ = a.CommitOffsets(ctx, positions) // for people; refused in an old generation
	}
}

// maybeFreeze holds pages with records in hand, whatever its context says.
func (m *member) maybeFreeze(pages []kafka.Page) {
	if m.freeze == nil || !slices.ContainsFunc(pages, func(p kafka.Page) bool { return len(p.Records) > 0 }) {
		return
	}
	select {
	case <-m.freeze:
	default:
		return
	}
	select {
	case <-m.frozen:
	default:
		close(m.frozen)
	}
	<-m.thaw
}

// Two members freeze with pages in hand, past their sessions. The others take
// their partitions over; then the two wake up and go on where they were. Their
// writes find the positions moved, and nothing happens twice.
func TestGroup_ZombiesOverwriteNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, &one)
	const partitions = 4
	topic, group, l := r.topic(partitions), name("group"), newLedger()
	freeze, thaw := make(chan struct{}), make(chan struct{})
	zombies := []*member{r.member(group, topic, l, freeze, thaw), r.member(group, topic, l, freeze, thaw)}
	r.eventually("two members with two partitions each", func() bool {
		return len(zombies[0].assigned()) == 2 && len(zombies[1].assigned()) == 2
	})
	p := r.started(name("relay"), kafka.ProtocolAuto)
	total := r.feed(p, topic, partitions, 0, 10)
	close(freeze)
	total = r.feed(p, topic, partitions, total, 10)
	<-zombies[0].frozen
	<-zombies[1].frozen
	heir := r.member(group, topic, l, nil, nil)
	r.eventually("the heir has everything", func() bool { return len(heir.assigned()) == partitions })
	total = r.feed(p, topic, partitions, total, 10)
	r.eventually("all effects", func() bool { n, _ := l.count(); return n >= total })
	close(thaw)
	total = r.feed(p, topic, partitions, total, 10)
	r.eventually("all effects, with the zombies back", func() bool { n, lost := l.count(); return n >= total && lost >= 2 })
	members := []*member{zombies[0], zombies[1], heir}
	r.eventually("three members share the partitions", func() bool {
		var all []kafka.TopicPartition
		for _, m := range members {
			all = append(all, m.assigned()...)
		}
		return len(all) == partitions
	})
	lag := r.describeGroup(group, topic)
	for _, m := range members {
		m.cancel()
		if err := <-m.done; err != nil {
			t.Error(err)
		}
	}
	effects, lost := l.count()
	for i := range total {
		if n := l.effects[fmt.Sprint(i)]; n != 1 {
			t.Errorf("effect %d happened %d times", i, n)
		}
	}
	if effects != total {
		t.Errorf("%d effects of aborted records", effects-total)
	}
	t.Logf("%d effects, %d compare-and-sets lost by zombies; as Kafka's tool sees the group:\n%s", total, lost, lag)
}

// feed commits the numbers from total on, over all partitions, and aborts a third
// of its transactions.
func (r *rig) feed(p *kafka.Producer, topic string, partitions, total, transactions int) int {
	r.t.Helper()
	const each = 8
	for i := range transactions {
		var batch []kafka.Record
		sign := ""
		if i%3 == 1 {
			sign = "aborted-"
		}
		for n := total; n < total+each; n++ {
			batch = append(batch, records(topic, int32(n%partitions), fmt.Sprint(sign, n))...)
		}
		txn, err := p.Begin()
		r.must(err)
		r.must(txn.Produce(r.ctx, batch...))
		if sign != "" {
			r.must(txn.Abort(r.ctx))
			continue
		}
		r.must(txn.Commit(r.ctx))
		total += each
	}
	return total
}

// describeGroup is what Kafka's own tool shows of the group's offsets and lag.
func (r *rig) describeGroup(group, topic string) string {
	r.t.Helper()
	out, err := r.cluster.Exec(r.ctx, 0, "/opt/kafka/bin/kafka-consumer-groups.sh", "--bootstrap-server", r.cluster.Inside()[0], "--describe", "--group", group)
	r.must(err)
	return out
}
