//go:build e2e

package kafka_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

// What the runbook is there for. Apache Kafka 4.3 takes a partition that has no
// leader at the moment for one that was deleted: it leaves the marker out and calls
// the transaction complete, and from then on nobody ends it. Its readers stand
// still, also with the leader back, until a person ends it there; a commit that was
// acknowledged is lost in that partition then. The partition has one replica here,
// which is all it takes; with three it takes the loss of all that are in sync.
//
// When this fails because the readers go on, the section of the runbook can go.
func TestHang_AMarkerForAPartitionWithoutALeaderIsLostAndAPersonHelps(t *testing.T) {
	r := newRig(t, &three)
	id := name("relay")
	absent := r.coordinatesNeither(id)
	on, off := r.assigned([]int{(absent + 1) % three.brokers}), r.assigned([]int{absent})
	p := r.started(id, kafka.ProtocolAuto)
	txn, err := p.Begin()
	r.must(err)
	r.must(txn.Produce(r.ctx, append(records(on, 0, "kept"), records(off, 0, "lost")...)...))
	r.must(r.cluster.Pause(r.ctx, absent))
	err = txn.Commit(r.ctx) // agreed to once the brokers have given the absent one up
	r.must(r.cluster.Resume(r.ctx, absent))
	r.must(err)
	r.eventually("the leader's return", func() bool { return r.leaders(off)[0] == absent })
	r.expect(on, "kept")
	tp := kafka.TopicPartition{Topic: off}
	c := r.client()
	open := func() bool {
		all, err := c.EndOffsets(r.ctx, kafka.ReadUncommitted, tp)
		r.must(err)
		stable, err := c.EndOffsets(r.ctx, kafka.ReadCommitted, tp)
		r.must(err)
		return stable[tp] < all[tp]
	}
	if state := r.transactions("list"); !strings.Contains(state, "CompleteCommit") || strings.Contains(state, "Prepare") {
		t.Errorf("the coordinators have not completed it:\n%s", state)
	}
	if !open() {
		t.Fatal("the readers go on")
	}
	t.Log(r.transactions("describe-producers", "--topic", off, "--partition", "0"))
	r.transactions("abort", "--topic", off, "--partition", "0", "--start-offset", "0")
	r.eventually("the readers go on", func() bool { return !open() })
	r.expect(off)
}

// transactions runs Kafka's own tool as the runbook says.
func (r *rig) transactions(args ...string) string {
	r.t.Helper()
	command := append([]string{"/opt/kafka/bin/kafka-transactions.sh", "--bootstrap-server", r.cluster.Inside()[0]}, args...)
	out, err := r.cluster.Exec(r.ctx, 0, command...)
	r.must(err)
	return out
}

// coordinatesNeither is a broker of three that coordinates neither of the two ids that
// a transactional id stands for.
func (r *rig) coordinatesNeither(id string) int {
	r.t.Helper()
	w := r.wire(0)
	left := []int{0, 1, 2}
	for _, half := range (kafka.ProducerConfig{TransactionalID: id}).TransactionalIDs() {
		r.eventually("a coordinator", func() bool {
			at, code := w.findCoordinator(half)
			if code == 0 {
				left = slices.DeleteFunc(left, func(broker int) bool { return broker == at })
			}
			return code == 0
		})
	}
	return left[0]
}
