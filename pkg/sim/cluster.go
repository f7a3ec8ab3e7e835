package sim

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

const (
	// transactionTimeout is after how long the cluster aborts a transaction that
	// its producer left open: Kafka's default for this product.
	transactionTimeout = 10 * time.Second
	// marking bounds how long the markers of a decided transaction take to be
	// written; until then it is in nobody's sight.
	marking = 20 * time.Millisecond
)

// cluster is one Kafka cluster.
type cluster struct {
	part   part
	world  *World
	topics map[string]*topic
	names  []string
	ids    map[string]*producerID // by transactional id
	groups map[string]*group
	open   []*txn // not ended yet, oldest first
	wait   []*reader
}

type topic struct {
	name       string
	id         kafka.TopicID
	partitions []*partition
}

type partition struct {
	topic *topic
	index int32
	// entries are what is left after compaction, all what was ever written.
	entries []*entry
	all     []*entry
	end     int64
	open    []*txn // with records here and no marker yet, oldest first
}

type entry struct {
	record kafka.Record
	txn    *txn // nil: written outside of a transaction
	marker bool
}

// visible tells whether readers of committed records will see the entry.
func (e *entry) visible() bool { return !e.marker && (e.txn == nil || e.txn.state == committed) }

func newCluster(w *World) *cluster {
	return &cluster{
		world: w, part: part{name: "broker"}, topics: make(map[string]*topic), ids: make(map[string]*producerID),
		groups: make(map[string]*group),
	}
}

func (c *cluster) create(name string, partitions int32) {
	t := &topic{name: name}
	binary.BigEndian.PutUint64(t.id[:], hashString(fnvOffset, name))
	for i := range partitions {
		t.partitions = append(t.partitions, &partition{topic: t, index: i})
	}
	c.topics[name] = t
	c.names = append(c.names, name)
}

func (c *cluster) partition(tp kafka.TopicPartition) *partition {
	t := c.topics[tp.Topic]
	if t == nil || int(tp.Partition) >= len(t.partitions) {
		return nil
	}
	return t.partitions[tp.Partition]
}

// append writes one entry and returns its offset.
func (p *partition) append(e *entry) int64 {
	e.record.Topic, e.record.Partition, e.record.Offset = p.topic.name, p.index, p.end
	e.record.Time = time.Now()
	p.entries = append(p.entries, e)
	p.all = append(p.all, e)
	p.end++
	return p.end - 1
}

// stable is the last stable offset.
func (p *partition) stable() int64 {
	low := p.end
	for _, t := range p.open {
		low = min(low, t.first[p])
	}
	return low
}

// from returns the entries at or above an offset.
func (p *partition) from(offset int64) []*entry {
	i, _ := slices.BinarySearchFunc(p.entries, offset, func(e *entry, offset int64) int { return cmp.Compare(e.record.Offset, offset) })
	return p.entries[i:]
}

// compact removes what compaction may: below the last stable offset, what was
// aborted, the markers, and of each key any but its last record.
func (t *topic) compact(d dice) {
	for _, p := range t.partitions {
		stable := p.stable()
		last := make(map[string]int64)
		for _, e := range p.entries {
			if e.record.Offset < stable && e.visible() {
				last[string(e.record.Key)] = e.record.Offset
			}
		}
		all := d.oneIn(2)
		p.entries = slices.DeleteFunc(slices.Clone(p.entries), func(e *entry) bool {
			superseded := !e.visible() || last[string(e.record.Key)] > e.record.Offset
			return e.record.Offset < stable && superseded && (all || d.oneIn(2))
		})
	}
}

// Records returns every record of a topic that was ever committed, by partition
// and offset, also those that compaction removed since: what readers were
// promised. For checks.
func (w *World) Records(topic string) []kafka.Record {
	t := w.cluster.topics[topic]
	if t == nil {
		return nil
	}
	var out []kafka.Record
	for _, p := range t.partitions {
		for _, e := range p.all {
			if e.visible() {
				out = append(out, e.record)
			}
		}
	}
	return out
}

// TopicID returns the identity of a topic as text, as in the positions of inboxes.
func (w *World) TopicID(topic string) string {
	if t := w.cluster.topics[topic]; t != nil {
		return t.id.String()
	}
	return ""
}

// ask carries a call of a process to the cluster, which first gives up
// transactions whose producers were silent for too long.
func (n *Node) ask(ctx context.Context, op, key string, effect func() error) error {
	c := n.world.cluster
	return n.do(ctx, &c.part, op, key, func() error {
		c.expire()
		return effect()
	})
}

func (c *cluster) expire() {
	for len(c.open) > 0 && time.Since(c.open[0].began) > transactionTimeout {
		t := c.open[0]
		t.id.epoch++
		c.decide(t, aborted)
		c.world.event(nil, "transaction of "+t.id.name+" times out")
	}
}
