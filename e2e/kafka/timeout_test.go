//go:build e2e

package kafka_test

import (
	"errors"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

// shortLife is a transaction timeout that a test waits for, and within which a
// busy machine still initialises a producer.
const shortLife = 4 * time.Second

// A producer that slept through its transaction's timeout looks fenced. Init tells
// that it was not, and it goes on.
func TestTimeout_TheProducerRecoversFromATransactionThatTheBrokerAborted(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol kafka.Protocol) {
		r := newRig(t, &one)
		topic := r.topic(1)
		p := r.producer(kafka.ProducerConfig{TransactionalID: name("relay"), Protocol: protocol, TransactionTimeout: shortLife})
		r.must(p.Init(r.ctx))
		r.commit(p, topic, "before")
		open := r.begin(p, topic, "late")
		r.settle(topic) // the broker has aborted it
		err := open.Commit(r.ctx)
		if !errors.Is(err, kafka.ErrUnknownOutcome) {
			t.Errorf("commit after the timeout: %v", err)
		}
		t.Logf("commit after the timeout: %v", codeOf(err))
		if _, err := p.Begin(); !errors.Is(err, kafka.ErrNotInitialized) {
			t.Errorf("begin before Init: %v", err)
		}
		r.must(p.Init(r.ctx))
		r.commit(p, topic, "after")
		r.commit(p, topic, "with the other id")
		r.expect(topic, "before", "after", "with the other id")
	})
}

// An open transaction holds every read-committed reader of the partition back,
// and nobody else's commit helps; its end, here by timeout, frees them.
func TestTimeout_TheLastStableOffsetWaitsForAHungTransaction(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol kafka.Protocol) {
		r := newRig(t, &one)
		topic := r.topic(1)
		hung := r.producer(kafka.ProducerConfig{TransactionalID: name("hung"), Protocol: protocol, TransactionTimeout: shortLife})
		r.must(hung.Init(r.ctx))
		p := r.started(name("relay"), protocol)
		r.commit(p, topic, "before")
		r.settle(topic) // its marker comes before what follows
		r.begin(hung, topic, "never")
		r.commit(p, topic, "behind")
		tp := kafka.TopicPartition{Topic: topic}
		c := r.client()
		stable, err := c.EndOffsets(r.ctx, kafka.ReadCommitted, tp)
		r.must(err)
		all, err := c.EndOffsets(r.ctx, kafka.ReadUncommitted, tp)
		r.must(err)
		if stable[tp] != 2 || all[tp] < 4 {
			t.Errorf("stable to %d, of %d", stable[tp], all[tp])
		}
		f := kafka.NewFetcher(c, kafka.FetcherConfig{Isolation: kafka.ReadCommitted, MaxWait: time.Minute})
		defer f.Close()
		if got := values(r.scan(topic, kafka.ReadCommitted)); len(got) != 1 || got[0] != "before" {
			t.Errorf("a reader sees %q", got)
		}
		pages, err := f.Fetch(r.ctx, map[kafka.TopicPartition]int64{tp: 2}) // waits until the broker frees it
		r.must(err)
		if len(pages) != 1 || pages[0].Err != nil || len(pages[0].Records) != 1 || string(pages[0].Records[0].Value) != "behind" {
			t.Errorf("freed: %+v", pages)
		}
		r.expect(topic, "before", "behind")
	})
}
