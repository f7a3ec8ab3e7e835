package inbox

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

// barrierPoll is how often the stored positions are compared with the target:
// well below the time in which people notice a deadline.
const barrierPoll = 50 * time.Millisecond

// ends is what a barrier needs of the broker.
type ends interface {
	DescribeTopics(ctx context.Context, names ...string) (map[string]kafka.TopicInfo, error)
	StartOffsets(ctx context.Context, tps ...kafka.TopicPartition) (map[kafka.TopicPartition]int64, error)
	EndOffsets(ctx context.Context, iso kafka.Isolation, tps ...kafka.TopicPartition) (map[kafka.TopicPartition]int64, error)
}

// barrier proves that a service, with all its replicas, has handled everything up
// to some moment. It looks at the positions in the database, which all replicas
// share, and at the last stable offsets of the broker.
type barrier struct {
	broker ends
	store  Store
	topics []string

	asking chan struct{} // holds a token while one caller asks, so that others profit
	proven time.Time     // everything committed to the log before is handled
}

// mark is where a partition must have been read to.
type mark struct {
	topicID string
	end     int64
}

func newBarrier(broker ends, store Store, topics []string) *barrier {
	return &barrier{broker: broker, store: store, topics: topics, asking: make(chan struct{}, 1)}
}

func (b *barrier) passed(ctx context.Context, since time.Time) error {
	select {
	case b.asking <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-b.asking }()
	for {
		if b.proven.After(since) {
			return nil
		}
		asked := time.Now()
		target, err := b.target(ctx)
		if err == nil {
			err = b.reached(ctx, target)
		}
		if err == nil {
			b.proven = asked
			continue
		}
		if err := sleep(ctx, barrierPoll*4); err != nil {
			return err
		}
	}
}

// target returns the last stable offset of each partition that holds anything.
func (b *barrier) target(ctx context.Context) (map[kafka.TopicPartition]mark, error) {
	topics, err := b.broker.DescribeTopics(ctx, b.topics...)
	if err != nil {
		return nil, err
	}
	var tps []kafka.TopicPartition
	for _, name := range b.topics {
		for _, p := range topics[name].Partitions {
			tps = append(tps, kafka.TopicPartition{Topic: name, Partition: p.ID})
		}
	}
	starts, err := b.broker.StartOffsets(ctx, tps...)
	if err != nil {
		return nil, err
	}
	ends, err := b.broker.EndOffsets(ctx, kafka.ReadCommitted, tps...)
	if err != nil {
		return nil, err
	}
	target := make(map[kafka.TopicPartition]mark, len(ends))
	for tp, end := range ends {
		if end > starts[tp] {
			target[tp] = mark{topicID: topics[tp.Topic].ID.String(), end: end}
		}
	}
	return target, nil
}

// reached waits until the stored positions are at the target or behind it. A
// position of an older topic of the same name proves nothing about this one.
func (b *barrier) reached(ctx context.Context, target map[kafka.TopicPartition]mark) error {
	for _, tp := range slices.SortedFunc(maps.Keys(target), byPartition) {
		at := target[tp]
		for {
			p, _, err := b.store.Position(ctx, tp.Topic, tp.Partition)
			if err != nil {
				return err
			}
			if p.Next >= at.end && p.TopicID == at.topicID {
				break
			}
			if err := sleep(ctx, barrierPoll); err != nil {
				return err
			}
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
