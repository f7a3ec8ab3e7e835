//go:build e2e

package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

// step is a moment in a transaction: the broker has not seen the request yet, or
// it has handled it and its answer is lost.
type step struct {
	protocol kafka.Protocol
	key      kmsg.Key
	after    bool
}

func (s step) String() string {
	when := "before"
	if s.after {
		when = "after"
	}
	return fmt.Sprintf("%v %s %s", s.protocol, when, kmsg.NameForKey(int16(s.key)))
}

// steps are all of them, in both protocols.
func steps() []step {
	var out []step
	for _, after := range []bool{false, true} {
		for _, protocol := range []kafka.Protocol{kafka.ProtocolV1, kafka.ProtocolV2} {
			for _, key := range []kmsg.Key{kmsg.InitProducerID, kmsg.Produce, kmsg.EndTxn} {
				out = append(out, step{protocol, key, after})
			}
		}
		out = append(out, step{kafka.ProtocolV1, kmsg.AddPartitionsToTxn, after})
	}
	return out
}

// One producer stands at every step of a transaction when the broker is killed.
// They ride it out: everything that they wrote is there once.
func TestKill_AtEveryStepLosesAndDoublesNothing(t *testing.T) {
	r := behindProxy(t, &one)
	release := make(chan struct{})
	var wg sync.WaitGroup
	var held []*kafkatest.Injection
	var topics []string
	all := steps()
	errs := make([]error, len(all))
	for i, s := range all {
		topic, id := r.topic(1), name("relay")
		topics = append(topics, topic)
		p := r.producer(kafka.ProducerConfig{TransactionalID: id, Protocol: s.protocol})
		if s.key != kmsg.InitProducerID {
			r.must(p.Init(r.ctx))
			r.commit(p, topic, "before")
		}
		in := r.proxy.Inject(kafkatest.Fault{Key: int16(s.key), After: s.after, Hold: release, Drop: s.after, Match: func(req kmsg.Request) bool { return idOf(req) == id+"-0" || idOf(req) == id+"-1" }})
		held = append(held, in)
		wg.Go(func() { errs[i] = transact(r, p, topic, s) })
	}
	for i, in := range held {
		select {
		case <-in.Held():
		case <-r.ctx.Done():
			t.Fatalf("%v: never reached", all[i])
		}
	}
	began := time.Now()
	r.must(r.cluster.Kill(r.ctx, 0))
	close(release)
	r.must(r.cluster.Restart(r.ctx, 0))
	r.must(r.cluster.Answers(r.ctx, 0))
	t.Logf("killed at %d steps; the broker answers again after %v", len(all), time.Since(began).Round(time.Millisecond))
	wg.Wait()
	for i, s := range all {
		if errs[i] != nil {
			t.Errorf("%v: %v", s, errs[i])
			continue
		}
		want := []string{"before", "at the step", "after"}
		if s.key == kmsg.InitProducerID {
			want = want[1:]
		}
		r.direct().expect(topics[i], want...)
	}
}

// transact does what is interrupted: an Init or a transaction; then one more.
func transact(r *rig, p *kafka.Producer, topic string, s step) error {
	if s.key == kmsg.InitProducerID {
		if err := p.Init(r.ctx); err != nil {
			return fmt.Errorf("init: %w", err)
		}
	}
	for _, value := range []string{"at the step", "after"} {
		txn, err := p.Begin()
		if err == nil {
			err = txn.Produce(r.ctx, records(topic, 0, value)...)
		}
		if err == nil {
			err = txn.Commit(r.ctx)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", value, err)
		}
	}
	r.t.Logf("%v: %v", s, p.Stats().Retries)
	return nil
}

// idOf is the transactional id that a request is about.
func idOf(req kmsg.Request) string {
	var id *string
	switch q := req.(type) {
	case *kmsg.InitProducerIDRequest:
		id = q.TransactionalID
	case *kmsg.ProduceRequest:
		id = q.TransactionID
	case *kmsg.EndTxnRequest:
		return q.TransactionalID
	case *kmsg.AddPartitionsToTxnRequest:
		return q.TransactionalID
	}
	if id == nil {
		return ""
	}
	return *id
}

// A broker that is away for longer than the caller waits leaves the outcome in
// doubt; Init and a look at the log tell.
//
// The transactions live on: one that times out while its partition has no leader
// is another matter, see TestHang.
func TestKill_ABrokerThatIsAwayForLongLeavesNoDoubtAfterInit(t *testing.T) {
	r := newRig(t, &one)
	protocols := []kafka.Protocol{kafka.ProtocolV1, kafka.ProtocolV2}
	var producers []*kafka.Producer
	var open []*kafka.Txn
	var topics []string
	for i, protocol := range protocols {
		topics = append(topics, r.topic(1))
		producers = append(producers, r.started(name("relay"), protocol))
		r.commit(producers[i], topics[i], "before")
	}
	for i, p := range producers {
		open = append(open, r.begin(p, topics[i], "in doubt"))
	}
	r.must(r.cluster.Kill(r.ctx, 0))
	impatient, cancel := context.WithTimeout(r.ctx, 2*time.Second)
	defer cancel()
	for i, txn := range open {
		if err := txn.Commit(impatient); !errors.Is(err, kafka.ErrUnknownOutcome) && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v: commit without a broker: %v", protocols[i], err)
		}
	}
	if err := producers[0].Init(impatient); err == nil {
		t.Error("init without a broker")
	}
	r.must(r.cluster.Restart(r.ctx, 0))
	for i, p := range producers {
		r.eventually("a leader again", func() bool { return r.leaders(topics[i])[0] >= 0 }) // else see TestHang
		r.eventually("init with the broker back", func() bool { return p.Init(r.ctx) == nil })
		r.commit(p, topics[i], "after")
		r.commit(p, topics[i], "with the other id")
		r.expect(topics[i], "before", "after", "with the other id") // the commit never reached the broker
	}
}
