package kafka

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
)

// Isolation says how much of an open or aborted transaction a reader sees.
type Isolation int8

const (
	// ReadUncommitted reads up to the high watermark: open and aborted
	// transactions included, control records never.
	ReadUncommitted Isolation = 0
	// ReadCommitted reads up to the last stable offset, the first record of the
	// oldest open transaction, and never sees an aborted record.
	ReadCommitted Isolation = 1
)

// String is the name of the isolation level in Kafka's own clients.
func (i Isolation) String() string {
	switch i {
	case ReadUncommitted:
		return "read_uncommitted"
	case ReadCommitted:
		return "read_committed"
	}
	return fmt.Sprintf("isolation(%d)", int8(i))
}

const (
	apiListOffsets int16 = 2

	// ListOffsets takes these in place of a timestamp.
	latestOffset   int64 = -1
	earliestOffset int64 = -2
)

// StartOffsets returns the oldest offset that each partition still holds. It
// waits for leaders that move; a topic or partition that does not exist is
// ErrUnknownTopic.
func (c *Client) StartOffsets(ctx context.Context, tps ...TopicPartition) (map[TopicPartition]int64, error) {
	out, err := c.listOffsets(ctx, ReadUncommitted, earliestOffset, tps)
	if err != nil {
		return nil, fmt.Errorf("start offsets: %w", err)
	}
	return out, nil
}

// EndOffsets returns where each partition ends for a reader of that isolation:
// the offset after the last record it may see, which is the high watermark for
// ReadUncommitted and the last stable offset for ReadCommitted. "Caught up" is a
// position at or past an end taken earlier. Errors are those of StartOffsets.
//
// An end is never more than there is, and can be less than was acknowledged: Kafka
// lets a broker answer that was the leader and does not know of the next one yet.
// EndOffsetsFrom does not believe it.
func (c *Client) EndOffsets(ctx context.Context, iso Isolation, tps ...TopicPartition) (map[TopicPartition]int64, error) {
	out, err := c.listOffsets(ctx, iso, latestOffset, tps)
	if err != nil {
		return nil, fmt.Errorf("end offsets: %w", err)
	}
	return out, nil
}

// EndOffsetsFrom is EndOffsets of logs that are known to reach as far as least, as
// from a write that was acknowledged there: for 30 s it goes on asking who leads
// while one is said to end before.
func (c *Client) EndOffsetsFrom(ctx context.Context, iso Isolation, least map[TopicPartition]int64) (map[TopicPartition]int64, error) {
	var out map[TopicPartition]int64
	err := patiently(ctx, func(ctx context.Context) (err error) {
		if out, err = c.EndOffsets(ctx, iso, slices.Collect(maps.Keys(least))...); err != nil {
			return err
		}
		for tp, end := range out {
			if end < least[tp] {
				c.forgetLeaders(tp.Topic)
				return fmt.Errorf("end offsets: %s ends at %d for its leader, and reaches to %d: %w", tp, end, least[tp], errDeposed)
			}
		}
		return nil
	})
	return out, err
}

func (c *Client) listOffsets(ctx context.Context, iso Isolation, at int64, tps []TopicPartition) (map[TopicPartition]int64, error) {
	out := make(map[TopicPartition]int64, len(tps))
	err := patiently(ctx, func(ctx context.Context) error {
		var missing []TopicPartition
		for _, tp := range tps {
			if _, ok := out[tp]; !ok {
				missing = append(missing, tp)
			}
		}
		led, err := c.byLeader(ctx, missing)
		if err != nil {
			return err
		}
		var errs []error
		for node, tps := range led {
			if err := c.listOffsetsAt(ctx, node, iso, at, tps, out); err != nil {
				c.forgetLeaders(topicsOf(tps)...)
				errs = append(errs, err)
			}
		}
		return firstFatal(errs)
	})
	return out, err
}

// listOffsetsAt asks one leader and adds to out.
func (c *Client) listOffsetsAt(ctx context.Context, node int32, iso Isolation, at int64, tps []TopicPartition, out map[TopicPartition]int64) error {
	const version = 7
	e := encoder{}
	e.i32(-1) // not a replica
	e.i8(int8(iso))
	groups := byTopic(tps)
	e.arr(len(groups))
	for _, g := range groups {
		e.str(g.topic)
		e.arr(len(g.partitions))
		for _, p := range g.partitions {
			e.i32(p)
			e.i32(-1) // leader epoch: not checked
			e.i64(at)
			e.tags()
		}
		e.tags()
	}
	e.tags()
	d, err := c.do(ctx, node, apiListOffsets, version, true, e.b)
	if err != nil {
		return fmt.Errorf("list offsets: %w", err)
	}
	d.i32() // throttle time
	var errs []error
	for n := d.arr(); n > 0 && !d.err; n-- {
		topic := d.str()
		for m := d.arr(); m > 0 && !d.err; m-- {
			tp := TopicPartition{topic, d.i32()}
			code := d.i16()
			d.i64() // timestamp
			offset := d.i64()
			d.i32() // leader epoch
			d.tags(nil)
			switch {
			case d.err:
			case code != 0:
				errs = append(errs, fmt.Errorf("%s: %w", tp, Error(code)))
			case slices.Contains(tps, tp):
				out[tp] = offset
			}
		}
		d.tags(nil)
	}
	if err := firstFatal(append(errs, d.ok())); err != nil {
		return fmt.Errorf("list offsets: %w", err)
	}
	for _, tp := range tps {
		if _, ok := out[tp]; !ok {
			return fmt.Errorf("list offsets: %s: %w", tp, errMalformed)
		}
	}
	return nil
}

// byLeader groups partitions by the broker that leads them.
func (c *Client) byLeader(ctx context.Context, tps []TopicPartition) (map[int32][]TopicPartition, error) {
	topics := topicsOf(tps)
	leaders, err := c.leaders(ctx, topics...)
	if err != nil {
		return nil, asMissing(err)
	}
	led := make(map[int32][]TopicPartition)
	for _, tp := range tps {
		node, ok := leaders[tp]
		switch {
		case !ok:
			c.forgetLeaders(tp.Topic)
			return nil, asMissing(fmt.Errorf("%s: %w", tp, codeUnknownTopicOrPartition))
		case node < 0:
			c.forgetLeaders(tp.Topic)
			return nil, fmt.Errorf("%s: %w", tp, codeLeaderNotAvailable)
		}
		led[node] = append(led[node], tp)
	}
	return led, nil
}

type topicGroup struct {
	topic      string
	partitions []int32
}

// byTopic groups partitions by topic, both in order.
func byTopic(tps []TopicPartition) []topicGroup {
	var out []topicGroup
	for _, tp := range slices.SortedFunc(slices.Values(tps), comparePartitions) {
		if n := len(out); n == 0 || out[n-1].topic != tp.Topic {
			out = append(out, topicGroup{topic: tp.Topic})
		}
		g := &out[len(out)-1]
		g.partitions = append(g.partitions, tp.Partition)
	}
	return out
}

func comparePartitions(a, b TopicPartition) int {
	return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
}

func topicsOf(tps []TopicPartition) []string {
	var out []string
	for _, g := range byTopic(tps) {
		out = append(out, g.topic)
	}
	return out
}
