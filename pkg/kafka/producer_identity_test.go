package kafka

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

func TestProducer_V2RenewsItsEpochAndSequencesWithEveryTransaction(t *testing.T) {
	r := newRig(t, ProducerConfig{Protocol: ProtocolV2})
	for range 6 {
		r.commit("a", "b")
	}
	seen := map[string]int16{}
	for _, b := range r.sent() {
		if last, ok := seen[b.txnID]; ok && b.epoch != last+1 {
			t.Errorf("%s: epoch %d after %d", b.txnID, b.epoch, last)
		}
		if b.seq != 0 {
			t.Errorf("%s epoch %d: sequence %d", b.txnID, b.epoch, b.seq)
		}
		seen[b.txnID] = b.epoch
	}
	if n := len(kafkatest.Requests[*kmsg.AddPartitionsToTxnRequest](r.Proxy)); n != 0 {
		t.Errorf("announced partitions %d times", n)
	}
	r.expectVersions(12, 5)
}

func TestProducer_V1KeepsItsEpochAndCountsOn(t *testing.T) {
	r := newRig(t, ProducerConfig{Protocol: ProtocolV1})
	for i := range 6 {
		r.commit("a", "b")
		if i == 3 {
			txn := r.begin()
			if err := txn.Produce(r.ctx, to(0, "aborted", "aborted", "aborted")...); err != nil {
				t.Fatal(err)
			}
			if err := txn.Abort(r.ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	next, epochs := map[string]int32{}, map[string]int16{}
	for _, b := range r.sent() {
		if b.seq != next[b.txnID] {
			t.Errorf("%s: sequence %d, want %d", b.txnID, b.seq, next[b.txnID])
		}
		if e, ok := epochs[b.txnID]; ok && e != b.epoch {
			t.Errorf("%s: epoch %d after %d", b.txnID, b.epoch, e)
		}
		next[b.txnID], epochs[b.txnID] = b.seq+b.count, b.epoch
	}
	r.expectVersions(11, 4)
	r.expect("a", "b", "a", "b", "a", "b", "a", "b", "a", "b", "a", "b")
}

func (r *rig) expectVersions(produce, endTxn int16) {
	r.t.Helper()
	for _, q := range kafkatest.Requests[*kmsg.ProduceRequest](r.Proxy) {
		if q.Version != produce {
			r.t.Errorf("Produce v%d, want v%d", q.Version, produce)
		}
	}
	for _, q := range kafkatest.Requests[*kmsg.EndTxnRequest](r.Proxy) {
		if q.Version != endTxn {
			r.t.Errorf("EndTxn v%d, want v%d", q.Version, endTxn)
		}
	}
}

// V2 uses up an epoch per transaction: after 32,766 of them the answer carries
// another producer id. An in-process broker believes the epoch of a first batch,
// which takes us there in one step.
func TestProducer_V2GoesOnWhenItsEpochsAreUsedUp(t *testing.T) {
	r := newRig(t, ProducerConfig{Protocol: ProtocolV2})
	old := map[string]int64{}
	for _, s := range r.p.sessions {
		s.epoch = math.MaxInt16 - 3
		old[s.id] = s.pid
	}
	var want []string
	for i := range 12 {
		want = append(want, fmt.Sprint(i))
		r.commit(want[i])
	}
	r.expect(want...)
	for _, s := range r.p.sessions {
		if s.pid == old[s.id] || s.epoch > 6 {
			t.Errorf("%s still is %d/%d", s.id, s.pid, s.epoch)
		}
	}
}

func TestProducer_V2TakesAnyIdentityThatEndTxnAnswers(t *testing.T) {
	const pid, epoch = 987654321, 0
	r := newRig(t, ProducerConfig{Protocol: ProtocolV2})
	r.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.EndTxn), After: true, Edit: func(_ kmsg.Request, resp kmsg.Response) {
		resp.(*kmsg.EndTxnResponse).ProducerID, resp.(*kmsg.EndTxnResponse).ProducerEpoch = pid, epoch
	}})
	r.commit("through relay-0")
	r.commit("through relay-1")
	// The broker does not know that identity: what matters is what is sent.
	r.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.Produce), Edit: func(kmsg.Request, kmsg.Response) {}})
	r.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.EndTxn), Edit: func(q kmsg.Request, resp kmsg.Response) {
		e, a := q.(*kmsg.EndTxnRequest), resp.(*kmsg.EndTxnResponse)
		if e.ProducerID != pid || e.ProducerEpoch != epoch {
			t.Errorf("EndTxn of %d/%d", e.ProducerID, e.ProducerEpoch)
		}
		a.ProducerID, a.ProducerEpoch = pid, epoch+1
	}})
	r.commit("through relay-0")
	sent := r.sent()
	if b := sent[len(sent)-1]; b.txnID != "relay-0" || b.pid != pid || b.epoch != epoch || b.seq != 0 {
		t.Errorf("sent %s %d/%d, sequence %d", b.txnID, b.pid, b.epoch, b.seq)
	}
	if s := r.p.sessions[0]; s.pid != pid || s.epoch != epoch+1 {
		t.Errorf("then holds %d/%d", s.pid, s.epoch)
	}
}

func TestProducer_SequencesWrapToZero(t *testing.T) {
	l := &lane{tp: TopicPartition{topic, 0}, seq: math.MaxInt32 - 1, queue: to(0, "a", "b", "c"), sizes: []int{1, 1, 1}, count: 3}
	if l.acknowledged(0); l.seq != 1 {
		t.Errorf("sequence %d after three records from %d on, want 1", l.seq, math.MaxInt32-1)
	}
}

func TestProducer_NeverSendsWithoutAProducerID(t *testing.T) {
	r := newRig(t, ProducerConfig{})
	txn := r.begin()
	txn.s.pid = -1
	if err := txn.Produce(r.ctx, to(0, "v")...); !errors.Is(err, ErrNotInitialized) || !errors.Is(err, ErrAborted) {
		t.Errorf("got %v", err)
	}
	if n := len(r.sent()); n > 0 {
		t.Errorf("sent %d batches", n)
	}
}

func TestProducer_InitRefusesAnIdentityThatCanNotBe(t *testing.T) {
	for _, id := range []struct {
		pid   int64
		epoch int16
	}{{-1, 0}, {1, -1}, {-1, -1}} {
		r := newRig(t, ProducerConfig{})
		r.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.InitProducerID), After: true, Edit: func(_ kmsg.Request, resp kmsg.Response) {
			a := resp.(*kmsg.InitProducerIDResponse)
			a.ProducerID, a.ProducerEpoch = id.pid, id.epoch
		}})
		if err := r.p.Init(r.ctx); !errors.Is(err, errMalformed) {
			t.Errorf("%v: %v", id, err)
		}
		if _, err := r.p.Begin(); !errors.Is(err, ErrNotInitialized) {
			t.Errorf("%v: begin: %v", id, err)
		}
	}
}

// level makes the cluster report another finalized transaction.version, and
// other highest versions of its APIs.
func (r *rig) level(level int16, highest map[kmsg.Key]int16) {
	r.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.ApiVersions), After: true, Times: kafkatest.Always, Edit: func(_ kmsg.Request, resp kmsg.Response) {
		a := resp.(*kmsg.ApiVersionsResponse)
		for i := range a.FinalizedFeatures {
			if f := &a.FinalizedFeatures[i]; f.Name == transactionFeature {
				f.MaxVersionLevel = level
			}
		}
		for i := range a.ApiKeys {
			if v, ok := highest[kmsg.Key(a.ApiKeys[i].ApiKey)]; ok {
				a.ApiKeys[i].MaxVersion = v
			}
		}
	}})
}

func TestProducer_ChoosesTheProtocolThatTheClusterHasFinalized(t *testing.T) {
	cases := []struct {
		name            string
		level           int16
		highest         map[kmsg.Key]int16
		pinned, want    Protocol
		produce, endTxn int16
		err             string
	}{
		{name: "finalized", level: 2, want: ProtocolV2, produce: 12, endTxn: 5},
		{name: "served but not finalized", level: 1, want: ProtocolV1, produce: 11, endTxn: 4},
		{name: "finalized but not served", level: 2, highest: map[kmsg.Key]int16{kmsg.Produce: 11}, want: ProtocolV1, produce: 11, endTxn: 4},
		{name: "pinned to v1", level: 2, pinned: ProtocolV1, want: ProtocolV1, produce: 11, endTxn: 4},
		{name: "pinned to v2 in vain", level: 0, pinned: ProtocolV2, err: "transaction.version >= 2, found 0"},
		{name: "an older broker", level: 0, highest: map[kmsg.Key]int16{kmsg.Produce: 9, kmsg.EndTxn: 3}, want: ProtocolV1, produce: 9, endTxn: 3},
		{name: "too old a broker", level: 0, highest: map[kmsg.Key]int16{kmsg.Produce: 8}, err: "older than Kafka 3.0"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, ProducerConfig{TransactionalID: "another"})
			r.level(c.level, c.highest)
			r.p = r.producer(ProducerConfig{Protocol: c.pinned})
			err := r.p.Init(r.ctx)
			if c.err != "" {
				if !errors.Is(err, codeUnsupportedVersion) || !strings.Contains(fmt.Sprint(err), c.err) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := r.p.Stats().Protocol; got != c.want {
				t.Errorf("chose %v, want %v", got, c.want)
			}
			r.commit("v")
			r.commit("w")
			r.expect("v", "w")
			r.expectVersions(c.produce, c.endTxn)
		})
	}
}
