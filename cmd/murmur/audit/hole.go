package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

// doubtful are the partitions in which the oldest records of a key are missing:
// either they were compacted away, or they are lost.
func doubtful(s Snapshot) []kafka.TopicPartition {
	found := map[kafka.TopicPartition]bool{}
	for _, d := range sidesOf(s) {
		for id := range d.streams {
			v, _ := d.stream(id)
			log := d.log.Keys[id]
			if log != nil && len(log.Records) > 0 && len(v.published) > 0 && log.Records[0].Version > v.published[0] {
				found[kafka.TopicPartition{Topic: d.log.Topic, Partition: log.Partition}] = true
			}
		}
	}
	var out []kafka.TopicPartition
	for tp := range found {
		out = append(out, tp)
	}
	return out
}

// holes looks for proof of compaction where it matters: at every offset of a log
// that was never compacted stands a record or the marker of a transaction. It
// relies on no clock and on no setting. Markers and records of transactions that
// were aborted are seen by no other reader here.
func (c *collector) holes(ctx context.Context, s Snapshot) error {
	next := map[kafka.TopicPartition]int64{}
	from := map[string]map[int32]kgo.Offset{}
	for _, tp := range doubtful(s) {
		log := s.Topics[tp.Topic]
		if start := log.Start[tp.Partition]; start > 0 {
			log.Hole[tp.Partition] = 0
			continue
		}
		next[tp] = 0
		if from[tp.Topic] == nil {
			from[tp.Topic] = map[int32]kgo.Offset{}
		}
		from[tp.Topic][tp.Partition] = kgo.NewOffset().At(0)
	}
	if len(next) == 0 {
		return nil
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(c.at.Brokers()...), kgo.ClientID("murmur-audit"), kgo.ConsumePartitions(from),
		kgo.KeepControlRecords(), kgo.FetchIsolationLevel(kgo.ReadUncommitted()),
	)
	if err != nil {
		return fmt.Errorf("look for holes: %w", err)
	}
	defer client.Close()
	for len(next) > 0 {
		fetches, err := poll(ctx, client)
		if err != nil {
			return fmt.Errorf("look for holes: %w", err)
		}
		if fetches.Empty() {
			for tp, at := range next {
				s.Topics[tp.Topic].Hole[tp.Partition] = at
			}
			return nil
		}
		var errs []error
		fetches.EachError(func(topic string, partition int32, err error) {
			errs = append(errs, fmt.Errorf("look for holes in %s/%d: %w", topic, partition, err))
		})
		if err := errors.Join(errs...); err != nil {
			return err
		}
		fetches.EachRecord(func(r *kgo.Record) { walk(s, next, r) })
	}
	return nil
}

// holePatience is how long nothing must come before the end of a log to be taken
// for a hole: a compacted tail is never delivered, a slow broker may be.
const holePatience = 10 * time.Second

// poll returns no fetches when nothing came in time.
func poll(ctx context.Context, client *kgo.Client) (kgo.Fetches, error) {
	limited, cancel := context.WithTimeout(ctx, holePatience)
	defer cancel()
	fetches := client.PollFetches(limited)
	if limited.Err() != nil && ctx.Err() == nil && fetches.NumRecords() == 0 {
		return nil, nil
	}
	return fetches, fetches.Err0()
}

// walk takes the next record of a partition. The partition is done at its first
// hole, or where its log ended.
func walk(s Snapshot, next map[kafka.TopicPartition]int64, r *kgo.Record) {
	tp := kafka.TopicPartition{Topic: r.Topic, Partition: r.Partition}
	at, ok := next[tp]
	if !ok {
		return
	}
	log := s.Topics[tp.Topic]
	if r.Offset > at {
		log.Hole[tp.Partition] = at
		delete(next, tp)
		return
	}
	next[tp] = r.Offset + 1
	if r.Offset+1 >= log.Stable[tp.Partition] {
		delete(next, tp)
	}
}
