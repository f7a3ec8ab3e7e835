//go:build e2e

package kafka_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

// A transaction over many partitions has many markers to be written, and the next
// but one, which uses the same id, meets CONCURRENT_TRANSACTIONS. It waits, and
// nothing is lost or changes places.
func TestConcurrentTransactions_AreWaitedFor(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol kafka.Protocol) {
		r := newRig(t, &one)
		const partitions = 300
		topic := r.topic(partitions)
		p := r.started(name("relay"), protocol)
		met := "AddPartitionsToTxn/CONCURRENT_TRANSACTIONS (51)"
		if protocol == kafka.ProtocolV2 {
			met = "Produce/CONCURRENT_TRANSACTIONS (51)"
		}
		round := 0
		var want []string
		r.eventually(met, func() bool {
			var wide []kafka.Record
			for partition := range int32(partitions) {
				wide = append(wide, records(topic, partition, fmt.Sprintf("%d wide", round))...)
			}
			for _, batch := range [][]kafka.Record{wide, records(topic, 0, fmt.Sprintf("%d narrow", round))} {
				txn, err := p.Begin()
				r.must(err)
				r.must(txn.Produce(r.ctx, batch...))
				r.must(txn.Commit(r.ctx))
				want = append(want, string(batch[0].Value))
			}
			round++
			return p.Stats().Retries[met] > 0
		})
		r.settle(topic)
		t.Logf("%d rounds, retries %v", round, p.Stats().Retries)
		got, total := []string(nil), 0
		for _, rec := range r.scan(topic, kafka.ReadCommitted) {
			total++
			if rec.Partition == 0 {
				got = append(got, string(rec.Value))
			}
		}
		if !slices.Equal(got, want) || total != round*(partitions+1) {
			t.Errorf("%d committed, in the first partition %q, want %q", total, got, want)
		}
	})
}

// What brokers answer that do not lead or coordinate what they are asked for.
func TestAnswers_OfTheWrongBroker(t *testing.T) {
	r := newRig(t, &three)
	topic, id := r.assigned([]int{1}), name("relay")
	w := r.wire(0)
	coordinator := 0
	w.want("find coordinator", w.insist(r, func() (code int16) {
		coordinator, code = w.findCoordinator(id)
		return code
	}), 0)
	p, _ := r.wire(coordinator).take(r, fresh(id), lifetime)
	wrong := r.wire((coordinator + 1) % 3)
	_, code := wrong.init(p, lifetime)
	wrong.want("init at another broker", code, notCoordinator)
	_, code = wrong.end(5, p, true)
	wrong.want("commit at another broker", code, notCoordinator)
	_, code = w.produce(12, p, 0, topic, 0, "x")
	w.want("produce at another broker", code, notLeader)
}
