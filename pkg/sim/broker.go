package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/inbox"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

// longPoll is how long a fetch waits for records.
const longPoll = time.Second

// broker is the cluster as the inbox of one process reaches it.
type broker struct {
	node      *Node
	cluster   *cluster
	isolation kafka.Isolation
}

// Broker returns Kafka as the inbox of this process needs it.
func (n *Node) Broker() inbox.Broker { return n.BrokerWith(kafka.ReadCommitted) }

// BrokerWith is Broker for readers of any isolation: ReadUncommitted shows what a
// service does that forgets to ask for committed records.
func (n *Node) BrokerWith(isolation kafka.Isolation) inbox.Broker {
	return &broker{node: n, cluster: n.world.cluster, isolation: isolation}
}

func (b *broker) DescribeTopics(ctx context.Context, names ...string) (map[string]kafka.TopicInfo, error) {
	out := make(map[string]kafka.TopicInfo, len(names))
	err := b.node.ask(ctx, "describe topics", "", func() error {
		for _, name := range names {
			t := b.cluster.topics[name]
			if t == nil {
				return fmt.Errorf("topic %s: %w", name, kafka.ErrUnknownTopic)
			}
			info := kafka.TopicInfo{Name: name, ID: t.id}
			for i := range t.partitions {
				info.Partitions = append(info.Partitions, kafka.PartitionInfo{ID: int32(i)})
			}
			out[name] = info
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (b *broker) StartOffsets(ctx context.Context, tps ...kafka.TopicPartition) (map[kafka.TopicPartition]int64, error) {
	return b.offsets(ctx, "start offsets", tps, func(*partition) int64 { return 0 }) // compaction moves no start
}

func (b *broker) EndOffsets(ctx context.Context, iso kafka.Isolation, tps ...kafka.TopicPartition) (map[kafka.TopicPartition]int64, error) {
	if iso == kafka.ReadCommitted {
		return b.offsets(ctx, "stable offsets", tps, (*partition).stable)
	}
	return b.offsets(ctx, "end offsets", tps, func(p *partition) int64 { return p.end })
}

func (b *broker) offsets(ctx context.Context, op string, tps []kafka.TopicPartition, of func(*partition) int64) (map[kafka.TopicPartition]int64, error) {
	var out map[kafka.TopicPartition]int64
	err := b.node.ask(ctx, op, "", func() error {
		out = make(map[kafka.TopicPartition]int64, len(tps))
		for _, tp := range tps {
			p := b.cluster.partition(tp)
			if p == nil {
				return fmt.Errorf("%s: %w", tp, kafka.ErrUnknownTopic)
			}
			out[tp] = of(p)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (b *broker) Fetcher() inbox.Fetcher { return &fetcher{broker: b} }

type fetcher struct{ broker *broker }

func (f *fetcher) Close() {}

// reader is a fetch that waits for records.
type reader struct {
	positions map[kafka.TopicPartition]int64
	arrived   chan struct{}
}

// news wakes the fetches that wait for a topic.
func (c *cluster) news(topic string) {
	c.wait = slices.DeleteFunc(c.wait, func(r *reader) bool {
		for tp := range r.positions {
			if tp.Topic == topic {
				close(r.arrived)
				return true
			}
		}
		return false
	})
}

// Fetch implements inbox.Fetcher as kafka.Fetcher does: what keeps the broker from
// answering is an error of each page.
func (f *fetcher) Fetch(ctx context.Context, positions map[kafka.TopicPartition]int64) ([]kafka.Page, error) {
	n, c := f.broker.node, f.broker.cluster
	positions = maps.Clone(positions) // the caller may change its own while an abandoned poll still waits
	over := time.NewTimer(longPoll)
	defer over.Stop()
	for {
		var pages []kafka.Page
		found := false
		r := &reader{positions: positions, arrived: make(chan struct{})}
		err := n.ask(ctx, "fetch", "", func() error {
			pages, found = f.read(positions)
			if !found {
				c.wait = append(c.wait, r)
			}
			return nil
		})
		switch {
		case ctx.Err() != nil && !n.frozen():
			return nil, ctx.Err()
		case errors.Is(err, errOver):
			return nil, kafka.ErrClosed
		case err != nil:
			return failed(positions, err), nil
		case found:
			return pages, nil
		}
		select {
		case <-r.arrived:
		case <-over.C:
			return pages, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-n.world.ends:
			return nil, kafka.ErrClosed
		}
	}
}

func failed(positions map[kafka.TopicPartition]int64, err error) []kafka.Page {
	var pages []kafka.Page
	for tp, next := range positions {
		pages = append(pages, kafka.Page{TopicPartition: tp, Next: next, HighWatermark: -1, LastStable: -1, Err: err})
	}
	sortPages(pages)
	return pages
}

func sortPages(pages []kafka.Page) {
	slices.SortFunc(pages, func(a, b kafka.Page) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
}

// read answers a fetch; found tells that a position can move.
func (f *fetcher) read(positions map[kafka.TopicPartition]int64) (pages []kafka.Page, found bool) {
	pages = make([]kafka.Page, 0, len(positions))
	for tp, from := range positions {
		page := kafka.Page{TopicPartition: tp, Next: from}
		p := f.broker.cluster.partition(tp)
		switch {
		case p == nil:
			page.Err = kafka.ErrUnknownTopic
		case from > p.end:
			page.Err = kafka.ErrOffsetOutOfRange
		default:
			f.fill(&page, p, from)
		}
		found = found || page.Err != nil || page.Next > from
		pages = append(pages, page)
	}
	sortPages(pages)
	f.broker.node.world.explain(func() string { return describePages(pages) })
	return pages, found
}

func (f *fetcher) fill(page *kafka.Page, p *partition, from int64) {
	page.HighWatermark, page.LastStable = p.end, p.stable()
	end := page.LastStable
	if f.broker.isolation == kafka.ReadUncommitted {
		end = page.HighWatermark
	}
	page.Next = max(from, end)
	room := f.room(p, from)
	for _, e := range p.from(from) {
		switch {
		case e.record.Offset >= end:
			return
		case e.marker, f.broker.isolation == kafka.ReadCommitted && !e.visible():
		case room == 0:
			page.Next = e.record.Offset
			return
		default:
			page.Records = append(page.Records, e.record)
			room--
		}
	}
}

// room bounds a page: now and then the records of one transaction come apart.
func (f *fetcher) room(p *partition, from int64) int {
	d := dice(mix(f.broker.node.hash ^ hashString(uint64(from), p.topic.name)))
	if d.oneIn(3) {
		return 1 + d.below(3)
	}
	return 1000
}

func describePages(pages []kafka.Page) string {
	var s string
	for _, p := range pages {
		for _, r := range p.Records {
			version, _ := r.Header("version")
			s += fmt.Sprintf(" %s/%d@%d=%s@%s", r.Topic, r.Partition, r.Offset, r.Key, version)
		}
	}
	return s
}
