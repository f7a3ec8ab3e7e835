package kafka

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"
)

const apiFetch int16 = 1

// fetchVersion is the last one that names topics; it carries aborted ranges and
// flexible fields, and brokers since 2.7 speak it.
const fetchVersion int16 = 12

// fetchRequest asks one leader for several partitions.
type fetchRequest struct {
	cfg       FetcherConfig
	maxWait   time.Duration
	positions map[TopicPartition]int64
	turn      int // which partition is asked for first
}

// order lists the partitions by topic, another one first on every turn. Only the
// first partition with data is allowed a batch above the byte limits, so without
// turns a large batch could wait behind busy partitions for ever.
func (r fetchRequest) order() []topicGroup {
	tps := make([]TopicPartition, 0, len(r.positions))
	for tp := range r.positions {
		tps = append(tps, tp)
	}
	groups := rotate(byTopic(tps), r.turn)
	for i := range groups {
		groups[i].partitions = rotate(groups[i].partitions, r.turn/len(groups))
	}
	return groups
}

func rotate[T any](s []T, by int) []T {
	if len(s) < 2 {
		return s
	}
	by %= len(s)
	return slices.Concat(s[by:], s[:by])
}

func (r fetchRequest) encode() []byte {
	e := encoder{}
	e.i32(-1) // not a replica
	e.i32(int32(r.maxWait / time.Millisecond))
	e.i32(1) // answer as soon as there is anything
	e.i32(r.cfg.MaxBytes)
	e.i8(int8(r.cfg.Isolation))
	e.i32(0)  // no fetch session:
	e.i32(-1) // every request names what it wants
	groups := r.order()
	e.arr(len(groups))
	for _, g := range groups {
		e.str(g.topic)
		e.arr(len(g.partitions))
		for _, p := range g.partitions {
			e.i32(p)
			e.i32(-1) // current leader epoch: not checked
			e.i64(r.positions[TopicPartition{g.topic, p}])
			e.i32(-1) // last fetched epoch: for replicas
			e.i64(-1) // log start: for replicas
			e.i32(r.cfg.PartitionMaxBytes)
			e.tags()
		}
		e.tags()
	}
	e.arr(0)  // forgotten topics
	e.str("") // rack: read from the leader
	e.tags()
	return e.b
}

// fetchFrom sends r to a leader. An error concerns the whole request.
func (c *Client) fetchFrom(ctx context.Context, node int32, r fetchRequest) ([]Page, error) {
	d, err := c.do(ctx, node, apiFetch, fetchVersion, true, r.encode())
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	pages, err := r.decode(&d)
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	return pages, nil
}

// decode reads a response. Partitions that were not asked for are left out.
func (r fetchRequest) decode(d *decoder) ([]Page, error) {
	d.i32() // throttle time: the broker enforces it
	if err := codeError(d.i16()); err != nil {
		return nil, err
	}
	d.i32() // session
	var pages []Page
	for n := d.arr(); n > 0 && !d.err; n-- {
		topic := d.str()
		for m := d.arr(); m > 0 && !d.err; m-- {
			raw := decodeFetched(topic, d)
			from, asked := r.positions[raw.TopicPartition]
			if d.err || !asked || slices.ContainsFunc(pages, raw.same) {
				continue
			}
			pages = append(pages, raw.page(from, r.cfg.Isolation))
		}
		d.tags(nil)
	}
	d.tags(nil)
	return pages, d.ok()
}

// fetched is one partition of a response.
type fetched struct {
	TopicPartition
	code                      int16
	highWatermark, lastStable int64
	aborted                   []abortedTxn
	set                       []byte
}

func (f fetched) same(p Page) bool { return p.TopicPartition == f.TopicPartition }

func decodeFetched(topic string, d *decoder) fetched {
	f := fetched{TopicPartition: TopicPartition{topic, d.i32()}, code: d.i16()}
	f.highWatermark, f.lastStable = d.i64(), d.i64()
	d.i64() // log start
	for n := d.arr(); n > 0 && !d.err; n-- {
		f.aborted = append(f.aborted, abortedTxn{producerID: d.i64(), first: d.i64()})
		d.tags(nil)
	}
	d.i32() // preferred replica: we gave no rack
	f.set = d.bytes()
	d.tags(nil)
	return f
}

func (f fetched) page(from int64, iso Isolation) Page {
	p := Page{TopicPartition: f.TopicPartition, Next: from, HighWatermark: f.highWatermark, LastStable: f.lastStable}
	switch Error(f.code) {
	case 0:
	case codeOffsetOutOfRange:
		p.Err = fmt.Errorf("fetch %s at %d: %w: %w", p.TopicPartition, from, ErrOffsetOutOfRange, codeOffsetOutOfRange)
		return p
	default:
		p.Err = fmt.Errorf("fetch %s at %d: %w", p.TopicPartition, from, Error(f.code))
		return p
	}
	w := window{TopicPartition: f.TopicPartition, from: from, until: math.MaxInt64, isolation: iso, aborted: f.aborted}
	if iso == ReadCommitted && f.lastStable >= 0 {
		w.until = f.lastStable // brokers keep to it; so do we
	}
	p.Records, p.Next, p.Err = w.decode(nil, f.set)
	if p.Err != nil && p.Next > from {
		p.Err = nil // what came before is good: the fault comes with the next page
	}
	if p.Err != nil {
		p.Records = nil
	}
	return p
}
