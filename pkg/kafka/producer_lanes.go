package kafka

import (
	"context"
	"fmt"
	"time"
)

// lane is one partition of a session. It lives as long as the producer, so that
// its memory is used again and its sequence goes on.
type lane struct {
	tp     TopicPartition
	joined bool  // part of the open transaction
	seq    int32 // number of the next record, within the epoch
	last   int64 // offset of the last record acknowledged; -1: not told

	queue []Record // of the call in progress
	sizes []int    // of the records in queue, at most
	sent  int      // of queue, acknowledged
	count int      // records in batch, from sent on; 0: no batch waits
	batch []byte   // sent again as it is until it is acknowledged
}

// What a lane keeps for the next call.
const (
	keptBatch = 256 << 10 // bytes
	keptQueue = 1 << 10   // records
)

// enqueue distributes the records of one call over the session's lanes, in
// order, and returns those it used. It checks everything before anything is
// sent; after an error the lanes are empty.
func (t *Txn) enqueue(ctx context.Context, records []Record) ([]*lane, error) {
	var used []*lane
	var current *lane
	err := func() error {
		for i := range records {
			r := &records[i]
			size := maxRecordSize(r)
			if limit := t.p.cfg.MaxBatchBytes; batchHeaderSize+size > limit {
				return fmt.Errorf("%w: key %q of topic %q takes %d bytes, max batch bytes is %d",
					ErrRecordTooLarge, clip(r.Key), r.Topic, batchHeaderSize+size, limit)
			}
			tp, err := t.place(ctx, r)
			if err != nil {
				return err
			}
			if current == nil || current.tp != tp {
				current = t.s.lane(tp)
				if len(current.queue) == 0 {
					used = append(used, current)
				}
			}
			current.queue = append(current.queue, *r)
			current.sizes = append(current.sizes, size)
		}
		return nil
	}()
	if err != nil {
		reset(used)
		return nil, err
	}
	return used, nil
}

// place resolves AnyPartition.
func (t *Txn) place(ctx context.Context, r *Record) (TopicPartition, error) {
	if r.Partition >= 0 {
		return r.TopicPartition(), nil
	}
	if r.Partition != AnyPartition || r.Key == nil {
		return TopicPartition{}, fmt.Errorf("partition %d of topic %q, key %q: %w", r.Partition, r.Topic, clip(r.Key), errNoPartition)
	}
	parts := t.p.client.cachedPartitions(r.Topic)
	if len(parts) == 0 {
		if err := t.p.retry(ctx, "Metadata", func(ctx context.Context) error {
			return t.p.client.learn(ctx, r.Topic)
		}); err != nil {
			return TopicPartition{}, err
		}
		if parts = t.p.client.cachedPartitions(r.Topic); len(parts) == 0 {
			return TopicPartition{}, fmt.Errorf("topic %q has no partitions: %w", r.Topic, codeUnknownTopicOrPartition)
		}
	}
	return TopicPartition{r.Topic, PartitionFor(r.Key, int32(len(parts)))}, nil
}

// clip shortens a key for an error message.
func clip(key []byte) []byte {
	const shown = 64
	return key[:min(len(key), shown)]
}

func (s *session) lane(tp TopicPartition) *lane {
	l := s.lanes[tp]
	if l == nil {
		l = &lane{tp: tp, last: -1}
		s.lanes[tp] = l
	}
	return l
}

// prepare encodes the next batch of the queue: as many records as fit. From here
// on these bytes stand for these records, whatever happens.
func (l *lane) prepare(s *session, cfg *ProducerConfig, now time.Time) error {
	if s.pid < 0 {
		// A transactional batch with the producer id -1 is ACCEPTED by a real broker,
		// and visible at once.
		return fmt.Errorf("producer id %d: %w", s.pid, ErrNotInitialized)
	}
	size := batchHeaderSize
	for l.count = 0; l.sent+l.count < len(l.queue); l.count++ {
		if size += l.sizes[l.sent+l.count]; size > cfg.MaxBatchBytes {
			break
		}
	}
	var err error
	l.batch, err = appendBatch(l.batch[:0], l.queue[l.sent:l.sent+l.count], cfg.Compression,
		producerState{id: s.pid, epoch: s.epoch, seq: l.seq, transactional: true}, now)
	if err != nil {
		return fmt.Errorf("%v: encode batch: %w", l.tp, err)
	}
	return nil
}

// pending: a batch waits for its acknowledgement. done: so does no record.
func (l *lane) pending() bool { return l.count > 0 }
func (l *lane) done() bool    { return l.sent == len(l.queue) }

// acknowledged moves past the batch. base is -1 when the broker only says that
// it has the batch already.
func (l *lane) acknowledged(base int64) {
	const sequences = 1 << 31 // they wrap to 0
	l.seq = int32((int64(l.seq) + int64(l.count)) % sequences)
	l.last = -1
	if base >= 0 {
		l.last = base + int64(l.count) - 1
	}
	l.sent += l.count
	l.count = 0
}

// reset forgets the records of a call, so that nothing keeps them in memory.
func reset(lanes []*lane) {
	for _, l := range lanes {
		clear(l.queue)
		l.queue, l.sizes, l.sent, l.count = l.queue[:0], l.sizes[:0], 0, 0
		if cap(l.queue) > keptQueue {
			l.queue, l.sizes = nil, nil
		}
		if cap(l.batch) > keptBatch {
			l.batch = nil
		}
	}
}

// sameTopic is how many of the first lanes share a topic.
func sameTopic(lanes []*lane) int {
	n := 0
	for n < len(lanes) && lanes[n].tp.Topic == lanes[0].tp.Topic {
		n++
	}
	return n
}

func countTopics(lanes []*lane) int {
	topics := 0
	for ; len(lanes) > 0; lanes = lanes[sameTopic(lanes):] {
		topics++
	}
	return topics
}
