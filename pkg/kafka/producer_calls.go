package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// transactionProtocol is what V1 and V2 do differently.
type transactionProtocol struct {
	name     Protocol
	produce  int16 // version of Produce
	endTxn   int16 // version of EndTxn
	announce bool  // partitions by AddPartitionsToTxn, before the first Produce
	renew    bool  // EndTxn answers with the next producer id and epoch
}

// Versions this package speaks. Below them requests have another shape.
const (
	metadataVersion        = 12
	coordinatorVersion     = 4
	initVersion            = 4
	addPartitionsVersion   = 3
	minProduceVersion      = 9
	produceV1, produceV2   = 11, 12
	minEndTxnVersion       = 3
	endTxnV1, endTxnV2     = 4, 5
	transactionFeature     = "transaction.version"
	transactionFeatureOfV2 = 2
)

// chooseProtocol decides by the cluster's finalized feature, not by what the
// broker asked could serve: until then other brokers may not know V2.
func chooseProtocol(want Protocol, f *features) (transactionProtocol, error) {
	v1 := transactionProtocol{
		name: ProtocolV1, announce: true,
		produce: min(produceV1, f.maxima[apiProduce]), endTxn: min(endTxnV1, f.maxima[apiEndTxn]),
	}
	v2 := transactionProtocol{name: ProtocolV2, renew: true, produce: produceV2, endTxn: endTxnV2}
	speaksV2 := f.maxima[apiProduce] >= produceV2 && f.maxima[apiEndTxn] >= endTxnV2
	finalized := f.finalized[transactionFeature] >= transactionFeatureOfV2
	switch {
	case v1.produce < minProduceVersion, v1.endTxn < minEndTxnVersion,
		f.maxima[apiMetadata] < metadataVersion, f.maxima[apiFindCoordinator] < coordinatorVersion,
		f.maxima[apiInitProducerID] < initVersion:
		return v1, fmt.Errorf("the broker is older than Kafka 3.0: %w", codeUnsupportedVersion)
	case want == ProtocolV2 && !(speaksV2 && finalized):
		return v2, fmt.Errorf("protocol v2 needs the finalized feature %s >= %d, found %d: %w",
			transactionFeature, transactionFeatureOfV2, f.finalized[transactionFeature], codeUnsupportedVersion)
	case want != ProtocolV1 && speaksV2 && finalized:
		return v2, nil
	}
	return v1, nil
}

// callCoordinator sends one request to the coordinator of the session. What the
// coordinator answers is for parse; any fault but "wait a moment" makes the next
// attempt look the coordinator up again.
func (p *Producer) callCoordinator(ctx context.Context, s *session, key, version int16, body []byte, parse func(*decoder) error) error {
	if s.coord == anyBroker {
		node, err := p.client.coordinator(ctx, transactionCoordinator, s.id)
		if err != nil {
			return err
		}
		s.coord = node
	}
	d, err := p.client.do(ctx, s.coord, key, version, true, body)
	if err == nil {
		d.i32() // throttle time
		err = parse(&d)
		if bad := d.ok(); bad != nil {
			err = bad
		}
	}
	if err != nil && !errors.Is(err, codeConcurrentTransactions) {
		s.coord = anyBroker
	}
	return err
}

func (p *Producer) initProducerID(ctx context.Context, s *session) error {
	e := encoder{}
	e.str(s.id)
	e.i32(int32(p.cfg.TransactionTimeout / time.Millisecond))
	e.i64(s.pid)
	e.i16(s.epoch)
	e.tags()
	return p.callCoordinator(ctx, s, apiInitProducerID, initVersion, e.b, func(d *decoder) error {
		if err := codeError(d.i16()); err != nil {
			return err
		}
		return s.adopt(d.i64(), d.i16(), d)
	})
}

// adopt takes the identity that a coordinator gave. A batch with the producer id
// -1 would be accepted, and visible at once, by a real broker.
func (s *session) adopt(pid int64, epoch int16, d *decoder) error {
	if d.err || pid < 0 || epoch < 0 {
		return fmt.Errorf("%w: producer id %d, epoch %d", errMalformed, pid, epoch)
	}
	s.pid, s.epoch = pid, epoch
	return nil
}

// addPartitions announces the lanes to the coordinator (V1).
func (p *Producer) addPartitions(ctx context.Context, s *session, lanes []*lane) error {
	byTopic := slices.Clone(lanes)
	slices.SortFunc(byTopic, func(a, b *lane) int { return comparePartitions(a.tp, b.tp) })
	e := encoder{}
	e.str(s.id)
	e.i64(s.pid)
	e.i16(s.epoch)
	e.arr(countTopics(byTopic))
	for rest := byTopic; len(rest) > 0; {
		n := sameTopic(rest)
		e.str(rest[0].tp.Topic)
		e.arr(n)
		for _, l := range rest[:n] {
			e.i32(l.tp.Partition)
		}
		e.tags()
		rest = rest[n:]
	}
	e.tags()
	return p.callCoordinator(ctx, s, apiAddPartitionsToTxn, addPartitionsVersion, e.b, parseAddPartitions)
}

func parseAddPartitions(d *decoder) error {
	var worst error
	for n := d.arr(); n > 0 && !d.err; n-- {
		d.str() // topic
		for m := d.arr(); m > 0 && !d.err; m-- {
			d.i32() // partition
			code := Error(d.i16())
			d.tags(nil)
			// Not attempted: another partition of the same request was refused.
			if code != 0 && code != codeOperationNotAttempted {
				worst = worse(worst, code)
			}
		}
		d.tags(nil)
	}
	return worst
}

// endTxn commits or aborts. It is safe to repeat: the coordinator recognises a
// request that it has handled already, and answers as it did.
func (p *Producer) endTxn(ctx context.Context, s *session, commit bool) error {
	e := encoder{}
	e.str(s.id)
	e.i64(s.pid)
	e.i16(s.epoch)
	e.boolean(commit)
	e.tags()
	return p.callCoordinator(ctx, s, apiEndTxn, p.protocol.endTxn, e.b, func(d *decoder) error {
		if err := codeError(d.i16()); err != nil {
			return err
		}
		if !p.protocol.renew {
			return nil
		}
		if err := s.adopt(d.i64(), d.i16(), d); err != nil {
			return err
		}
		for _, l := range s.lanes {
			l.seq = 0 // every epoch counts from 0
		}
		return nil
	})
}

// worse keeps the error that decides what happens next.
func worse(a, b error) error {
	if gravity(b) > gravity(a) {
		return b
	}
	return a
}

func gravity(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, codeConcurrentTransactions):
		return 1 // over in a moment
	case retriable(err):
		return 2
	}
	return 3
}
