//go:build e2e

package kafka_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

// Every transaction of protocol V2 takes an epoch, of which there are 32,767. The
// coordinator gives a new producer id then, in the answer to a commit.
func TestEpoch_RunsOutAndGoesOnWithANewProducerID(t *testing.T) {
	t.Parallel()
	r := newRig(t, &one)
	topic, id := r.topic(1), name("relay")
	const left = 6     // transactions before the epochs of the first id end
	first := id + "-0" // of the two that take turns
	w := r.wire(0)
	before, _ := w.take(r, fresh(first), lifetime)
	for before.epoch < math.MaxInt16-left && !t.Failed() {
		before, _ = w.take(r, before, lifetime)
	}
	p := r.started(id, kafka.ProtocolV2)
	var want []string
	for i := range 4 * left {
		want = append(want, fmt.Sprint(i))
		r.commit(p, topic, want[i])
	}
	r.expect(topic, want...)
	after, _ := w.take(r, fresh(first), lifetime)
	t.Logf("producer id %d at epoch %d became %d at epoch %d", before.pid, before.epoch, after.pid, after.epoch)
	if after.pid == before.pid || after.epoch > 4*left {
		t.Error("the epochs did not run out")
	}
}
