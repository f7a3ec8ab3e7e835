//go:build e2e

package kafka_test

import (
	"slices"
	"testing"
	"time"
)

// The answers of a real broker, to requests that pkg/kafka sends or must never
// send. Its unit tests inject these very codes.
const (
	notLeader              = 6
	notCoordinator         = 16
	notEnoughReplicas      = 19
	outOfOrderSequence     = 45
	invalidProducerEpoch   = 47
	invalidTxnState        = 48
	concurrentTransactions = 51
	producerFenced         = 90
	transactionAbortable   = 120
)

// dialect is a protocol by the versions of its requests.
type dialect struct {
	name             string
	produce, endTxn  int16
	announce, renews bool
}

var dialects = []dialect{
	{name: "v1", produce: 11, endTxn: 4, announce: true},
	{name: "v2", produce: 12, endTxn: 5, renews: true},
}

func eachDialect(t *testing.T, f func(t *testing.T, r *rig, d dialect)) {
	t.Parallel()
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			f(t, newRig(t, &one), d)
		})
	}
}

// take initialises the id, whoever has it, and reports how often the answer was
// that another transaction is under way.
func (w *wire) take(r *rig, p identity, timeout time.Duration) (owner identity, busy int) {
	w.t.Helper()
	code := w.insist(r, func() (code int16) {
		owner, code = w.init(p, timeout)
		if code == concurrentTransactions {
			busy++
		}
		return code
	})
	w.want("init", code, 0)
	return owner, busy
}

// insist repeats a request while the answer is one that passes: coordinators and
// leaders that are not there yet, markers that are being written. 19 is how a
// leader puts the last of these to an older Produce.
func (w *wire) insist(r *rig, ask func() int16) (code int16) {
	w.t.Helper()
	passing := []int16{3, 5, 6, 14, 15, 16, notEnoughReplicas, concurrentTransactions}
	r.eventually("an answer", func() bool {
		code = ask()
		return !slices.Contains(passing, code)
	})
	return code
}

func fresh(id string) identity { return identity{id, -1, -1} }

// open writes the first record of a transaction. Right after the end of another
// one the coordinator may ask to wait.
func (w *wire) open(r *rig, d dialect, p identity, seq int32, topic, value string) {
	w.t.Helper()
	if d.announce {
		w.want("add partition", w.insist(r, func() int16 { return w.addPartition(p, topic, 0) }), 0)
	}
	w.want("produce", w.insist(r, func() int16 {
		_, code := w.produce(d.produce, p, seq, topic, 0, value)
		return code
	}), 0)
}

func (w *wire) want(what string, got, want int16) {
	w.t.Helper()
	if got != want {
		w.t.Errorf("%s: code %d, want %d", what, got, want)
	}
}

func TestAnswers_ToAZombie(t *testing.T) {
	eachDialect(t, func(t *testing.T, r *rig, d dialect) {
		w, topic := r.wire(0), r.topic(2)
		zombie, _ := w.take(r, fresh(name("relay")), lifetime)
		w.open(r, d, zombie, 0, topic, "open")
		heir, busy := w.take(r, fresh(zombie.id), lifetime)
		if busy == 0 || heir.pid != zombie.pid || heir.epoch != zombie.epoch+2 {
			t.Errorf("took over %+v from %+v after %d refusals", heir, zombie, busy)
		}
		_, code := w.end(d.endTxn, zombie, true)
		w.want("commit", code, producerFenced)
		_, code = w.end(d.endTxn, zombie, false)
		w.want("abort", code, producerFenced)
		if d.announce {
			w.want("add partition", w.addPartition(zombie, topic, 1), producerFenced)
		}
		for _, state := range []string{"idle", "in a transaction"} {
			_, code = w.produce(d.produce, zombie, 1, topic, 0, "late")
			w.want("produce, heir "+state, code, invalidProducerEpoch)
			if state == "idle" {
				w.open(r, d, heir, 0, topic, "heir")
			}
		}
		w.want("init with its own identity", w.insist(r, func() int16 {
			_, code := w.init(zombie, lifetime)
			return code
		}), producerFenced)
		_, code = w.end(d.endTxn, heir, true)
		if d.renews {
			w.want("the heir's commit after that", code, invalidTxnState)
		} else {
			w.want("the heir's commit after that", code, producerFenced)
		}
		r.expect(topic)
	})
}

func TestAnswers_AfterATransactionTimedOut(t *testing.T) {
	eachDialect(t, func(t *testing.T, r *rig, d dialect) {
		w, topic := r.wire(0), r.topic(1)
		p, _ := w.take(r, fresh(name("relay")), time.Second)
		w.open(r, d, p, 0, topic, "late")
		r.settle(topic)
		_, code := w.produce(d.produce, p, 1, topic, 0, "later")
		w.want("produce", code, invalidProducerEpoch)
		_, code = w.end(d.endTxn, p, true)
		if d.renews {
			w.want("commit", code, invalidTxnState)
		} else {
			w.want("commit", code, producerFenced)
		}
		if own, _ := w.take(r, p, lifetime); own.epoch <= p.epoch {
			t.Errorf("init with its own identity: %+v after %+v", own, p)
		}
		r.expect(topic)
	})
}

// A request that is repeated because its answer was lost does no harm.
func TestAnswers_ToRepeatedRequests(t *testing.T) {
	eachDialect(t, func(t *testing.T, r *rig, d dialect) {
		w, topic := r.wire(0), r.topic(1)
		p, _ := w.take(r, fresh(name("relay")), lifetime)
		w.open(r, d, p, 0, topic, "first")
		at, code := w.produce(d.produce, p, 1, topic, 0, "second")
		again, repeated := w.produce(d.produce, p, 1, topic, 0, "second")
		if code != 0 || repeated != 0 || at != 1 || again != at {
			t.Errorf("at %d with code %d, then at %d with code %d", at, code, again, repeated)
		}
		_, code = w.produce(d.produce, p, 7, topic, 0, "gap")
		w.want("a gap in the sequence", code, outOfOrderSequence)
		next, code := w.end(d.endTxn, p, true)
		w.want("commit", code, 0)
		busy := 0
		r.eventually("the repeated commit", func() bool {
			same, code := w.end(d.endTxn, p, true)
			if code == concurrentTransactions {
				busy++
				return false
			}
			w.want("the repeated commit", code, 0)
			if d.renews && (same != next || same.epoch != p.epoch+1) {
				t.Errorf("the repeated commit of %+v gave %+v, the first one %+v", p, same, next)
			}
			return true
		})
		_, code = w.end(d.endTxn, p, false)
		w.want("abort after the commit", code, invalidTxnState)
		t.Logf("the repeated commit was put off %d times", busy)
		r.expect(topic, "first", "second")
	})
}

// A batch that was under way when its transaction ended must not open another.
func TestAnswers_ToALateBatchOfAnEndedTransaction(t *testing.T) {
	eachDialect(t, func(t *testing.T, r *rig, d dialect) {
		w, topic := r.wire(0), r.topic(1)
		p, _ := w.take(r, fresh(name("relay")), lifetime)
		w.open(r, d, p, 0, topic, "in time")
		_, code := w.end(d.endTxn, p, true)
		w.want("commit", code, 0)
		r.settle(topic)
		want := int16(transactionAbortable)
		if d.renews {
			want = invalidProducerEpoch
		}
		w.want("produce", w.insist(r, func() int16 {
			_, code := w.produce(d.produce, p, 1, topic, 0, "late")
			return code
		}), want)
		r.expect(topic, "in time")
	})
}

// Until the markers of a transaction are written the next one of the same id has
// to wait: the reason for two ids.
func TestAnswers_WhileMarkersAreWritten(t *testing.T) {
	eachDialect(t, func(t *testing.T, r *rig, d dialect) {
		w, topic := r.wire(0), r.topic(1)
		p, _ := w.take(r, fresh(name("relay")), lifetime)
		refused := int16(0)
		r.eventually("a refusal", func() bool {
			w.open(r, d, p, 0, topic, "x")
			next, code := w.end(d.endTxn, p, true)
			w.want("commit", code, 0)
			if !d.renews {
				next = p
			}
			var own identity
			if own, refused = w.init(next, lifetime); refused == 0 {
				p = own
			} else {
				p, _ = w.take(r, next, lifetime)
			}
			return refused != 0
		})
		w.want("init right after a commit", refused, concurrentTransactions)
	})
}

// Why pkg/kafka never lets a batch out without a producer id: the broker would
// take it, and show it at once.
func TestAnswers_ABatchWithoutAProducerIDIsTakenAndVisible(t *testing.T) {
	eachDialect(t, func(t *testing.T, r *rig, d dialect) {
		w, topic := r.wire(0), r.topic(1)
		w.want("produce", w.insist(r, func() int16 {
			_, code := w.produce(d.produce, fresh(name("relay")), -1, topic, 0, "leaked")
			return code
		}), 0)
		r.expect(topic, "leaked")
	})
}
