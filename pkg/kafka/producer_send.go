package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// maxProduceBytes bounds one request well below the brokers' default
	// socket.request.max.bytes of 100 MiB.
	maxProduceBytes = 32 << 20

	// partitionOverhead is what a partition takes in a request beside its batch.
	partitionOverhead = 16

	// keptFrame is the largest request whose memory is used again.
	keptFrame = 1 << 20
)

// frames holds the memory of answered requests.
var frames = sync.Pool{New: func() any { return new([]byte) }}

// shipment is one Produce request: batches of partitions with one leader.
type shipment struct {
	node  int32
	lanes []*lane // sorted
	size  int
}

// produce sends the pending batches of the lanes, and returns nil when all are
// acknowledged. A repetition sends those that are still pending, byte for byte
// and with the same sequence, so the brokers recognise what they have.
func (p *Producer) produce(ctx context.Context, s *session, lanes []*lane) error {
	shipments, err := p.ship(ctx, lanes)
	if err != nil {
		return err
	}
	if len(shipments) == 1 || p.announcing(shipments) {
		return p.inTurn(ctx, s, shipments)
	}
	errs := make([]error, len(shipments))
	var wg sync.WaitGroup
	for i := range shipments {
		wg.Go(func() { errs[i] = p.deliver(ctx, s, &shipments[i]) })
	}
	wg.Wait()
	var worst error
	for _, err := range errs {
		worst = worse(worst, err)
	}
	return worst
}

// announcing tells whether leaders will announce their partitions to the coordinator
// of the transaction, as they do in V2 before their first batch. It takes one
// announcement at a time, and leaders that it refuses wait for 20 ms or more: of several
// that are asked at once the last takes longer than all of them in turn (ADR 16).
func (p *Producer) announcing(shipments []shipment) bool {
	return !p.protocol.announce && slices.ContainsFunc(shipments, func(sh shipment) bool {
		return slices.ContainsFunc(sh.lanes, func(l *lane) bool { return l.last < 0 })
	})
}

func (p *Producer) inTurn(ctx context.Context, s *session, shipments []shipment) error {
	for i := range shipments {
		if err := p.deliver(ctx, s, &shipments[i]); err != nil {
			return err // the repetition sends what is left
		}
	}
	return nil
}

// ship groups the pending batches by the leader of their partition.
func (p *Producer) ship(ctx context.Context, lanes []*lane) ([]shipment, error) {
	var out []shipment
	for _, l := range lanes {
		if !l.pending() {
			continue
		}
		node, err := p.leader(ctx, l.tp)
		if err != nil {
			return nil, err
		}
		size := len(l.batch) + len(l.tp.Topic) + partitionOverhead
		i := slices.IndexFunc(out, func(s shipment) bool { return s.node == node && s.size+size <= maxProduceBytes })
		if i < 0 {
			i = len(out)
			out = append(out, shipment{node: node, lanes: make([]*lane, 0, len(lanes))})
		}
		out[i].lanes = append(out[i].lanes, l)
		out[i].size += size
	}
	for _, s := range out {
		slices.SortFunc(s.lanes, func(a, b *lane) int { return comparePartitions(a.tp, b.tp) })
	}
	return out, nil
}

func (p *Producer) leader(ctx context.Context, tp TopicPartition) (int32, error) {
	parts := p.client.cachedPartitions(tp.Topic)
	if parts == nil {
		if err := p.client.learn(ctx, tp.Topic); err != nil {
			return 0, err
		}
		parts = p.client.cachedPartitions(tp.Topic)
	}
	i, ok := slices.BinarySearchFunc(parts, tp.Partition, func(m partitionMetadata, id int32) int { return cmp.Compare(m.ID, id) })
	switch {
	case !ok:
		p.client.forgetLeaders(tp.Topic)
		return 0, fmt.Errorf("%v: %w", tp, codeUnknownTopicOrPartition)
	case parts[i].Leader < 0:
		p.client.forgetLeaders(tp.Topic)
		return 0, fmt.Errorf("%v: %w", tp, codeLeaderNotAvailable)
	}
	return parts[i].Leader, nil
}

// deliver sends one request and notes what was acknowledged.
func (p *Producer) deliver(ctx context.Context, s *session, sh *shipment) error {
	e := p.frame(s, sh)
	d, err := p.client.send(ctx, sh.node, apiProduce, true, *e)
	if err == nil {
		if cap(*e) <= keptFrame {
			frames.Put(e) // answered, so nobody is still writing it
		}
		err = sh.parse(&d)
		for _, l := range sh.lanes {
			if err == nil && l.pending() {
				err = fmt.Errorf("%w: nothing about %v", errMalformed, l.tp)
			}
		}
	}
	if err != nil && !errors.Is(err, codeConcurrentTransactions) {
		for _, l := range sh.lanes {
			p.client.forgetLeaders(l.tp.Topic) // the leader may have moved, or its broker
		}
	}
	return err
}

func (p *Producer) frame(s *session, sh *shipment) *[]byte {
	buf := frames.Get().(*[]byte)
	e := p.client.header(*buf, apiProduce, p.protocol.produce, true, sh.size+len(s.id)+partitionOverhead)
	e.str(s.id)
	e.i16(-1) // acknowledged by all in-sync replicas
	e.i32(int32(p.cfg.TransactionTimeout / time.Millisecond))
	e.arr(countTopics(sh.lanes))
	for rest := sh.lanes; len(rest) > 0; {
		n := sameTopic(rest)
		e.str(rest[0].tp.Topic)
		e.arr(n)
		for _, l := range rest[:n] {
			e.i32(l.tp.Partition)
			e.bytes(l.batch)
			e.tags()
		}
		e.tags()
		rest = rest[n:]
	}
	e.tags()
	*buf = e.b
	return buf
}

func (sh *shipment) parse(d *decoder) error {
	var worst error
	for n := d.arr(); n > 0 && !d.err; n-- {
		topic := d.bytes()
		for m := d.arr(); m > 0 && !d.err; m-- {
			partition, code, base := d.i32(), Error(d.i16()), d.i64()
			d.i64() // log append time
			d.i64() // log start offset
			for k := d.arr(); k > 0 && !d.err; k-- {
				d.i32() // index of a refused record
				d.str() // why
				d.tags(nil)
			}
			message := d.bytes()
			d.tags(nil)
			if d.err {
				break
			}
			l := sh.lane(topic, partition)
			if l == nil || !l.pending() {
				return fmt.Errorf("%w: %s/%d was not asked for", errMalformed, topic, partition)
			}
			worst = worse(worst, l.settle(code, base, message))
		}
		d.tags(nil)
	}
	if err := d.ok(); err != nil {
		return err
	}
	return worst
}

func (sh *shipment) lane(topic []byte, partition int32) *lane {
	i, ok := slices.BinarySearchFunc(sh.lanes, partition, func(l *lane, partition int32) int {
		return cmp.Or(strings.Compare(l.tp.Topic, string(topic)), cmp.Compare(l.tp.Partition, partition))
	})
	if !ok {
		return nil
	}
	return sh.lanes[i]
}

// settle handles the answer to one batch.
func (l *lane) settle(code Error, base int64, message []byte) error {
	switch {
	case code == 0:
		l.acknowledged(base)
		return nil
	case code == codeDuplicateSequence: // an earlier attempt did arrive
		l.acknowledged(-1)
		return nil
	case len(message) > 0:
		return fmt.Errorf("%v: %w: %s", l.tp, code, message)
	}
	return fmt.Errorf("%v: %w", l.tp, code)
}
