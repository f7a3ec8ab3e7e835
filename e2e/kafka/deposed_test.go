//go:build e2e

package kafka_test

import (
	"context"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/outbox"
)

// A broker that was frozen wakes up and takes itself for the leader still. What it
// says to who asked meanwhile is what there was before it froze.
func TestDeposed_LeaderIsNotBelievedByARelayThatTakesOver(t *testing.T) {
	r := newRig(t, &three)
	positions, id := r.topic(1, "cleanup.policy", "compact"), name("relay")
	newLog := func() *outbox.KafkaLog {
		log, err := outbox.NewKafkaLog(r.client(), kafka.ProducerConfig{TransactionalID: id})
		r.must(err)
		return log
	}
	leading, standby := newLog(), newLog()
	r.must(leading.Init(r.ctx))
	r.must(position(r.ctx, leading, positions, id, "first"))
	// The standby learns who leads, and has a connection to it.
	if e, ok, err := standby.Last(r.ctx, positions, id, 0); err != nil || !ok || string(e.Value) != "first" {
		t.Fatalf("got %q %t %v", e.Value, ok, err)
	}
	topics, err := r.client().DescribeTopics(r.ctx, positions)
	r.must(err)
	leader := int(topics[positions].Partitions[0].Leader) - 1 // brokers are numbered from 1
	r.must(r.cluster.Pause(r.ctx, leader))
	frozen := true
	resume := func() {
		if frozen {
			frozen = false
			r.must(r.cluster.Resume(context.WithoutCancel(r.ctx), leader))
		}
	}
	defer resume()
	for err := position(r.ctx, leading, positions, id, "second"); err != nil; {
		t.Logf("while the leader is frozen: %v", err)
		if err = leading.Init(r.ctx); err == nil {
			err = position(r.ctx, leading, positions, id, "second")
		}
		r.must(r.ctx.Err())
	}

	var entry outbox.Entry
	done := make(chan error, 1)
	go func() {
		err := standby.Init(r.ctx)
		for err == nil {
			if entry, _, err = standby.Last(r.ctx, positions, id, 0); err == nil {
				break
			}
			t.Logf("while the leader is frozen: %v", err)
			err = standby.Init(r.ctx) // as a relay does after any error
		}
		done <- err
	}()
	asked := time.NewTimer(time.Second) // so that the question is on its way to the frozen broker
	defer asked.Stop()
	select {
	case <-asked.C:
		resume()
		err = <-done
	case err = <-done:
	}
	if r.must(err); string(entry.Value) != "second" {
		t.Errorf("the relay that took over was told %q, and would publish again what was published", entry.Value)
	}
}

// position writes a position record in a transaction of its own.
func position(ctx context.Context, log *outbox.KafkaLog, topic, key, value string) error {
	txn, err := log.Begin(ctx)
	if err != nil {
		return err
	}
	if _, err := txn.Produce(ctx, nil, eventstore.Record{Topic: topic, Key: key, Value: []byte(value)}); err != nil {
		return err
	}
	return txn.Commit(ctx)
}
