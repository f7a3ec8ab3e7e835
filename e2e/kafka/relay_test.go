//go:build e2e

package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

const relayPartitions = 3

// relay publishes the numbers from 0 on, some in a transaction together with a
// record that says how far it is: the outgoing hop without its database.
type relay struct {
	r                *rig
	p                *kafka.Producer
	id               string
	topic, positions string
	next             int
	inits            int
	slowest          time.Duration
}

// batch is how many numbers go into a transaction.
const batch = 5

func (l *relay) run(ctx context.Context, client *kafka.Client) error {
	for ctx.Err() == nil {
		if err := l.recover(client); err != nil {
			return err
		}
		for ctx.Err() == nil {
			began := time.Now()
			err := l.publish()
			l.slowest = max(l.slowest, time.Since(began))
			if err != nil {
				l.r.t.Logf("%s at %d: %v", l.id, l.next, err)
				break
			}
			l.next += batch
		}
	}
	return nil
}

// recover takes the id over again and believes the log alone.
func (l *relay) recover(client *kafka.Client) error {
	for l.inits++; ; {
		err := l.p.Init(l.r.ctx)
		if err == nil {
			break
		}
		if l.r.ctx.Err() != nil {
			return err
		}
	}
	l.next = 0
	return client.Scan(l.r.ctx, kafka.ReadCommitted, []string{l.positions}, func(rec kafka.Record) error {
		if string(rec.Key) != l.id {
			return nil
		}
		var err error
		l.next, err = strconv.Atoi(string(rec.Value))
		return err
	})
}

func (l *relay) publish() error {
	txn, err := l.p.Begin()
	if err != nil {
		return err
	}
	var out []kafka.Record
	for n := l.next; n < l.next+batch; n++ {
		out = append(out, kafka.Record{Topic: l.topic, Partition: int32(n % relayPartitions), Key: []byte("k"), Value: []byte(strconv.Itoa(n))})
	}
	out = append(out, kafka.Record{Topic: l.positions, Key: []byte(l.id), Value: []byte(strconv.Itoa(l.next + batch))})
	if err := txn.Produce(l.r.ctx, out...); err != nil {
		return err
	}
	return txn.Commit(l.r.ctx)
}

// follower reads the topic as it grows, and fails on the first number that is
// missing, comes twice or out of order.
type follower struct {
	mu   sync.Mutex
	seen [relayPartitions]int
}

func (f *follower) run(ctx context.Context, client *kafka.Client, topic string) error {
	fetcher := kafka.NewFetcher(client, kafka.FetcherConfig{Isolation: kafka.ReadCommitted})
	defer fetcher.Close()
	positions := map[kafka.TopicPartition]int64{}
	for p := range int32(relayPartitions) {
		positions[kafka.TopicPartition{Topic: topic, Partition: p}] = 0
	}
	for {
		pages, err := fetcher.Fetch(ctx, positions)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		for _, p := range pages {
			if errors.Is(p.Err, kafka.ErrOffsetOutOfRange) || errors.Is(p.Err, kafka.ErrCorrupt) {
				return p.Err
			}
			for _, rec := range p.Records {
				if err := f.take(rec); err != nil {
					return err
				}
			}
			positions[p.TopicPartition] = p.Next
		}
	}
}

func (f *follower) take(rec kafka.Record) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	want := f.seen[rec.Partition]*relayPartitions + int(rec.Partition)
	if string(rec.Value) != strconv.Itoa(want) {
		return fmt.Errorf("%v at %d: %s, want %d", rec.TopicPartition(), rec.Offset, rec.Value, want)
	}
	f.seen[rec.Partition]++
	return nil
}

func (f *follower) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[0] + f.seen[1] + f.seen[2]
}

// Leaders are moved and elected, and the one that leads everything is killed, while
// relays of both protocols publish and readers follow.
func TestRelay_LosesAndDoublesNothingWhileLeadersMoveAndABrokerDies(t *testing.T) {
	r := newRig(t, &three)
	ctx, stop := context.WithCancel(r.ctx)
	defer stop()
	positions := r.assigned([]int{0, 1, 2})
	var relays []*relay
	var followers []*follower
	var publishing, reading sync.WaitGroup
	reads, stopReading := context.WithCancel(r.ctx)
	defer stopReading()
	t.Cleanup(func() {
		stop()
		stopReading()
		publishing.Wait()
		reading.Wait()
	})
	for _, protocol := range []kafka.Protocol{kafka.ProtocolV1, kafka.ProtocolV2} {
		l := &relay{r: r, id: name("relay"), topic: r.assigned([]int{0, 1, 2}, []int{1, 2, 0}, []int{2, 0, 1}), positions: positions}
		l.p = r.producer(kafka.ProducerConfig{TransactionalID: l.id, Protocol: protocol, TransactionTimeout: 10 * time.Second})
		f := &follower{}
		relays, followers = append(relays, l), append(followers, f)
		c, own := r.client(), r.client()
		publishing.Go(func() {
			if err := l.run(ctx, c); err != nil {
				t.Errorf("relay %v: %v", protocol, err)
			}
		})
		reading.Go(func() {
			if err := f.run(reads, own, l.topic); err != nil {
				t.Errorf("reader of %v: %v", protocol, err)
			}
		})
	}
	killed, code := r.wire(0).findCoordinator(relays[0].id + "-0")
	r.must(codeError(code))
	for _, broker := range []int{(killed + 1) % 3, (killed + 2) % 3, killed} {
		for _, l := range relays {
			r.lead(l.topic, relayPartitions, broker)
		}
		r.progress(followers)
	}
	// It leads all that is written now, and coordinates.
	r.must(r.cluster.Kill(r.ctx, killed))
	began := time.Now()
	r.progress(followers)
	t.Logf("%v after the kill both have gone on", time.Since(began).Round(time.Millisecond))
	r.must(r.cluster.Restart(r.ctx, killed))
	r.must(r.cluster.Answers(r.ctx, killed))
	r.eventually("its return to the replicas", func() bool { return r.inSync(relays) })
	r.progress(followers)
	stop()
	publishing.Wait()
	for i, l := range relays {
		r.eventually("the readers at the end", func() bool { return t.Failed() || followers[i].count() >= l.next })
		t.Logf("%v: %d numbers, %d Inits, longest transaction %v, retries %v", l.p.Stats().Protocol, l.next, l.inits, l.slowest.Round(time.Millisecond), l.p.Stats().Retries)
	}
	stopReading()
	reading.Wait()
	for i, l := range relays {
		if n := followers[i].count(); n != l.next {
			t.Errorf("%v: %d numbers read, the position says %d", l.p.Stats().Protocol, n, l.next)
		}
	}
}

// progress waits until every reader has come further.
func (r *rig) progress(followers []*follower) {
	r.t.Helper()
	for _, f := range followers {
		from := f.count()
		r.eventually("progress", func() bool { return r.t.Failed() || f.count() >= from+20*batch })
	}
}

func (r *rig) inSync(relays []*relay) bool {
	c := r.client()
	defer c.Close()
	for _, l := range relays {
		infos, err := c.DescribeTopics(r.ctx, l.topic, l.positions)
		if err != nil {
			return false
		}
		for _, info := range infos {
			if slices.ContainsFunc(info.Partitions, func(p kafka.PartitionInfo) bool { return len(p.InSync) < 3 }) {
				return false
			}
		}
	}
	return true
}
