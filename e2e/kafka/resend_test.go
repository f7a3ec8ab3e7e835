//go:build e2e

package kafka_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

// Every request of a transaction is lost once, and the answer to every request is
// lost once: all records are there, each once. The tests of this file do not run
// in parallel: they share the addresses of the proxy.
func TestResend_LostRequestsAndAnswersNeitherLoseNorDouble(t *testing.T) {
	for _, protocol := range []kafka.Protocol{kafka.ProtocolV1, kafka.ProtocolV2} {
		t.Run(protocol.String(), func(t *testing.T) {
			r := behindProxy(t, &one)
			topic := r.topic(1)
			p := r.started(name("relay"), protocol)
			first := []kmsg.Key{kmsg.Metadata, kmsg.FindCoordinator, kmsg.InitProducerID} // what a new producer asks
			keys := append([]kmsg.Key{kmsg.Produce, kmsg.EndTxn}, first...)
			if protocol == kafka.ProtocolV1 {
				keys = append(keys, kmsg.AddPartitionsToTxn)
			}
			var want []string
			for i, key := range keys {
				for _, after := range []bool{false, true} {
					r.inject(key, after)
					if slices.Contains(first, key) {
						p = r.started(name("relay"), protocol)
					}
					value := fmt.Sprintf("%d-%v", i, after)
					r.commit(p, topic, value+"-a", value+"-b")
					want = append(want, value+"-a", value+"-b")
				}
			}
			r.expect(topic, want...)
		})
	}
}

// inject loses the next request of the kind, or its answer.
func (r *rig) inject(key kmsg.Key, after bool) {
	r.t.Helper()
	in := r.proxy.Inject(kafkatest.Fault{Key: int16(key), After: after, Drop: true})
	r.t.Cleanup(func() {
		if in.Hits() == 0 && !r.t.Failed() {
			r.t.Errorf("%s was never lost (after the broker: %v)", kmsg.NameForKey(int16(key)), after)
		}
	})
}

// A Produce whose answer was lost goes out again with the same bytes, and the
// broker answers it with the offset of the first.
func TestResend_KeepsSequenceAndBytes(t *testing.T) {
	for _, protocol := range []kafka.Protocol{kafka.ProtocolV1, kafka.ProtocolV2} {
		t.Run(protocol.String(), func(t *testing.T) {
			r := behindProxy(t, &one)
			topic := r.topic(1)
			p := r.started(name("relay"), protocol)
			txn := r.begin(p, topic, "first")
			r.inject(kmsg.Produce, true)
			r.must(txn.Produce(r.ctx, records(topic, 0, "second", "third")...))
			at, ok := txn.LastOffset(kafka.TopicPartition{Topic: topic})
			if !ok || at != 2 {
				t.Errorf("last offset %d, %v", at, ok)
			}
			r.must(txn.Commit(r.ctx))
			var sent [][]byte
			for _, q := range kafkatest.Requests[*kmsg.ProduceRequest](r.proxy) {
				sent = append(sent, q.Topics[0].Partitions[0].Records)
			}
			if len(sent) != 3 || !slices.Equal(sent[1], sent[2]) {
				t.Errorf("%d batches sent, the second and the third the same: %v", len(sent), len(sent) == 3)
			}
			r.expect(topic, "first", "second", "third")
		})
	}
}
