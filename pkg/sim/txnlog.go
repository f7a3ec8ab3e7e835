package sim

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/outbox"
)

type txnState int

const (
	ongoing txnState = iota
	committed
	aborted
)

// producerID is a transactional id as the cluster knows it.
type producerID struct {
	name  string
	epoch int
	open  *txn
	// marking counts the partitions that still lack a marker of a transaction
	// that is decided.
	marking int
}

type txn struct {
	id    *producerID
	state txnState
	began time.Time
	first map[*partition]int64
	order []*partition // in which they were written first
}

// decide ends a transaction. Its markers are written a little later, partition by
// partition: only then is it in sight, or out of the way.
func (c *cluster) decide(t *txn, state txnState) {
	t.state = state
	t.id.open = nil
	t.id.marking += len(t.order)
	c.open = slices.DeleteFunc(c.open, func(o *txn) bool { return o == t })
	d := c.world.dice("markers " + t.id.name + strconv.Itoa(t.id.epoch))
	wait := d.between(fastest, marking)
	for _, p := range t.order {
		if d.oneIn(4) {
			wait = d.between(fastest, marking)
		}
		c.world.later(wait, func() { c.mark(t, p) })
	}
}

func (c *cluster) mark(t *txn, p *partition) {
	t.id.marking--
	p.append(&entry{txn: t, marker: true})
	p.open = slices.DeleteFunc(p.open, func(o *txn) bool { return o == t })
	c.news(p.topic.name)
}

// Log is the log of one relay as one process reaches it.
type relayLog struct {
	node    *Node
	cluster *cluster
	ids     [2]*producerID
	mine    [2]int // epochs
	turn    int
	floor   int64
}

// Log returns Kafka as the relay of this process needs it: transactions over two
// transactional ids in turn, as kafka.Producer makes them.
func (n *Node) Log(relay string) outbox.Log {
	w := n.world
	w.mu.Lock()
	defer w.mu.Unlock()
	l := &relayLog{node: n, cluster: w.cluster}
	for i := range l.ids {
		name := relay + "-" + strconv.Itoa(i)
		if w.cluster.ids[name] == nil {
			w.cluster.ids[name] = &producerID{name: name}
		}
		l.ids[i] = w.cluster.ids[name]
	}
	return l
}

func (l *relayLog) TopicID(ctx context.Context, topic string) (id string, err error) {
	err = l.node.ask(ctx, "topic id", topic, func() error {
		t := l.cluster.topics[topic]
		if t == nil {
			return fmt.Errorf("topic %s: %w", topic, kafka.ErrUnknownTopic)
		}
		id = t.id.String()
		return nil
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// busy is how often a producer asks again while markers are being written.
const busy = 3 * time.Millisecond

func (l *relayLog) Init(ctx context.Context) error {
	l.turn = 0
	for i, id := range l.ids {
		fenced := false
		for {
			epoch := 0
			err := l.node.ask(ctx, "init", id.name, func() error {
				if !fenced || id.open != nil {
					id.epoch++
					fenced = true
				}
				if id.open != nil {
					l.cluster.decide(id.open, aborted)
				}
				if id.marking > 0 {
					return nil
				}
				id.epoch++
				epoch = id.epoch
				return nil
			})
			if err != nil {
				return err
			}
			if epoch > 0 {
				l.mine[i] = epoch
				break
			}
			if err := l.node.Sleep(ctx, busy); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *relayLog) Last(ctx context.Context, topic, key string, from int64) (last outbox.Entry, found bool, err error) {
	end := int64(-1)
	for {
		done := false
		err = l.node.ask(ctx, "last position", key, func() error {
			t := l.cluster.topics[topic]
			if t == nil {
				return fmt.Errorf("topic %s: %w", topic, kafka.ErrUnknownTopic)
			}
			p := t.partitions[0]
			if end < 0 {
				end = p.end
			}
			if done = p.stable() >= end; !done {
				return nil
			}
			for _, e := range p.from(from) {
				if e.record.Offset < end && e.visible() && string(e.record.Key) == key {
					last, found = outbox.Entry{Offset: e.record.Offset, Value: e.record.Value}, true
				}
			}
			return nil
		})
		if err != nil {
			return outbox.Entry{}, false, err
		}
		if done {
			l.floor = end
			return last, found, nil
		}
		if err := l.node.Sleep(ctx, busy); err != nil {
			return outbox.Entry{}, false, err
		}
	}
}

func (l *relayLog) Begin(context.Context) (outbox.Txn, error) {
	return &relayTxn{log: l, id: l.ids[l.turn], epoch: l.mine[l.turn], turn: l.turn}, nil
}

type relayTxn struct {
	log   *relayLog
	id    *producerID
	epoch int
	turn  int
}

func (t *relayTxn) Produce(ctx context.Context, records []eventstore.Record, position eventstore.Record) (int64, error) {
	offset := t.log.floor
	var tail bool
	write := func(op string, records []eventstore.Record) error {
		for {
			waits := false
			err := t.log.node.ask(ctx, op, t.id.name, func() (err error) {
				waits, err = t.write(records, func(p *partition, at int64) {
					if p.topic.name == position.Topic {
						offset = at
					}
				})
				return err
			})
			if err != nil || !waits {
				return err
			}
			if err := t.log.node.Sleep(ctx, busy); err != nil {
				return err
			}
		}
	}
	all := append(slices.Clone(records), position)
	// Partitions are written side by side: now and then one is ahead of the rest.
	h := dice(mix(uint64(t.epoch)<<8 ^ hashString(t.log.node.hash, t.id.name)))
	tail = h.oneIn(3) && len(all) > 1
	if !tail {
		if err := write("produce", all); err != nil {
			return 0, err
		}
		return offset, nil
	}
	cut := len(all) - 1
	if h.oneIn(2) {
		cut = 1 + h.below(len(all)-1)
	}
	if err := write("produce", all[:cut]); err != nil {
		return 0, err
	}
	if err := write("produce rest", all[cut:]); err != nil {
		return 0, err
	}
	return offset, nil
}

// write appends records to the transaction; waits tells that the markers of the
// one before are still missing.
func (t *relayTxn) write(records []eventstore.Record, at func(*partition, int64)) (waits bool, err error) {
	c := t.log.cluster
	switch {
	case t.id.epoch != t.epoch:
		return false, outbox.ErrFenced
	case t.id.marking > 0:
		return true, nil
	case t.id.open == nil:
		t.id.open = &txn{id: t.id, began: time.Now(), first: make(map[*partition]int64)}
		c.open = append(c.open, t.id.open)
	}
	x := t.id.open
	for i := range records {
		r := &records[i]
		to := c.topics[r.Topic]
		if to == nil {
			return false, fmt.Errorf("topic %s: %w", r.Topic, kafka.ErrUnknownTopic)
		}
		p := to.partitions[kafka.PartitionFor([]byte(r.Key), int32(len(to.partitions)))]
		if _, wrote := x.first[p]; !wrote {
			x.first[p] = p.end
			x.order = append(x.order, p)
			p.open = append(p.open, x)
		}
		at(p, p.append(&entry{record: kafkaRecord(r), txn: x}))
	}
	c.world.explain(func() string { return describeRecords(records) })
	return false, nil
}

func (t *relayTxn) Commit(ctx context.Context) error { return t.end(ctx, "commit txn", committed) }

func (t *relayTxn) Abort(ctx context.Context) error { return t.end(ctx, "abort txn", aborted) }

// end ends the transaction. Each has an epoch of its own, so that what comes late
// of it meets no other.
func (t *relayTxn) end(ctx context.Context, op string, state txnState) error {
	next := 0
	err := t.log.node.ask(ctx, op, t.id.name, func() error {
		if t.id.epoch != t.epoch || t.id.open == nil {
			return outbox.ErrFenced
		}
		t.log.cluster.decide(t.id.open, state)
		t.id.epoch++
		next = t.id.epoch
		return nil
	})
	if err == nil {
		t.log.mine[t.turn] = next
		t.log.turn = 1 - t.turn
	}
	return err
}

func kafkaRecord(r *eventstore.Record) kafka.Record {
	headers := make([]kafka.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = kafka.Header{Key: h.Key, Value: []byte(h.Value)}
	}
	return kafka.Record{Key: []byte(r.Key), Value: r.Value, Headers: headers}
}

// Produce writes records outside of any transaction: for what is foreign to the
// product, and for services that are wrong.
func (n *Node) Produce(ctx context.Context, records ...eventstore.Record) error {
	c := n.world.cluster
	return n.ask(ctx, "produce plainly", "", func() error {
		for i := range records {
			r := &records[i]
			to := c.topics[r.Topic]
			if to == nil {
				return fmt.Errorf("topic %s: %w", r.Topic, kafka.ErrUnknownTopic)
			}
			to.partitions[kafka.PartitionFor([]byte(r.Key), int32(len(to.partitions)))].append(&entry{record: kafkaRecord(r)})
			c.news(r.Topic)
		}
		c.world.explain(func() string { return describeRecords(records) })
		return nil
	})
}

func describeRecords(records []eventstore.Record) string {
	var s string
	for _, r := range records {
		s += " " + r.Topic + "/" + r.Key
		for _, h := range r.Headers {
			if h.Key == "version" {
				s += "@" + h.Value
			}
		}
	}
	return s
}
