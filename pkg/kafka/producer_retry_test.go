package kafka

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

// Codes that pass by themselves, by the request that they answer. An in-process
// broker gives next to none of them.
var passing = map[kmsg.Key][]Error{
	kmsg.Produce:            {3, 5, 6, 7, 9, 13, 14, 15, 16, 19, 20, 51, 56, 74},
	kmsg.AddPartitionsToTxn: {14, 15, 16, 51},
	kmsg.EndTxn:             {14, 15, 16, 51},
	kmsg.InitProducerID:     {14, 15, 16, 51},
	kmsg.FindCoordinator:    {14, 15},
	kmsg.Metadata:           {5, 3},
}

func TestProducer_RetriesWhatPasses(t *testing.T) {
	const times = 4
	eachProtocol(t, func(t *testing.T, protocol Protocol) {
		for key, codes := range passing {
			if key == kmsg.AddPartitionsToTxn && protocol == ProtocolV2 {
				continue // V2 has no such request
			}
			for _, code := range codes {
				t.Run(fmt.Sprint(key.Name(), " ", code), func(t *testing.T) {
					r := newRig(t, ProducerConfig{Protocol: protocol})
					in := r.Proxy.Inject(kafkatest.Fault{Key: int16(key), Code: int16(code), Times: times,
						Match: func(q kmsg.Request) bool { return q.Key() != int16(kmsg.Metadata) || asksForTopics(q) }})
					switch key {
					case kmsg.InitProducerID, kmsg.FindCoordinator:
						for _, s := range r.p.sessions {
							s.coord = anyBroker
						}
						if err := r.p.Init(r.ctx); err != nil {
							t.Fatal(err)
						}
					}
					r.commit("1")
					r.commit("2")
					in.Wait(t)
					r.expect("1", "2")
					n := int64(0)
					for name, k := range r.p.Stats().Retries {
						t.Log(name, k)
						n += k
					}
					if n != times {
						t.Errorf("counted %d retries, want %d", n, times)
					}
				})
			}
		}
	})
}

func asksForTopics(q kmsg.Request) bool { return len(q.(*kmsg.MetadataRequest).Topics) > 0 }

func TestProducer_WaitsOnlyMillisecondsForTheTransactionBefore(t *testing.T) {
	const times, others = 10, 20 * time.Second
	r := newRig(t, ProducerConfig{RetryBackoff: others})
	in := r.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.Produce), Code: int16(codeConcurrentTransactions), Times: times})
	start := time.Now()
	r.commit("v")
	in.Wait(t)
	if took := time.Since(start); took < times*concurrentBackoff || took >= others {
		t.Errorf("%d answers CONCURRENT_TRANSACTIONS took %v", times, took)
	}
	if n := len(kafkatest.Requests[*kmsg.FindCoordinatorRequest](r.Proxy)); n != transactionalIDs {
		t.Errorf("looked for the coordinator %d times: the code says nothing about it", n)
	}
}

// Markers wait for a broker that died for seconds: asking a thousand times a second
// meanwhile would only add to the coordinator's work.
func TestProducer_AsksLessOftenTheLongerTheTransactionBeforeTakes(t *testing.T) {
	r := newRig(t, ProducerConfig{})
	in := r.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.InitProducerID), Code: int16(codeConcurrentTransactions), Times: kafkatest.Always})
	ctx, cancel := context.WithTimeout(r.ctx, 2*time.Second)
	defer cancel()
	began := time.Now()
	if err := r.p.Init(ctx); !errors.Is(err, codeConcurrentTransactions) {
		t.Fatalf("init: %v", err)
	}
	const hurried, doubling = concurrentHurry / concurrentBackoff, 8
	most := int(hurried) + doubling + int(time.Since(began)/maxConcurrentBackoff)
	if n := in.Hits(); n > most {
		t.Errorf("asked %d times in %v, want %d at most", n, time.Since(began), most)
	}
	in.Remove()
	if err := r.p.Init(r.ctx); err != nil {
		t.Errorf("init when it is over: %v", err)
	}
}

func TestProducer_FollowsALeaderThatMoved(t *testing.T) {
	eachProtocol(t, func(t *testing.T, protocol Protocol) {
		r := newRig(t, ProducerConfig{Protocol: protocol}, kfake.NumBrokers(3))
		var want []string
		for node := range int32(3) {
			want = append(want, fmt.Sprint("node ", node))
			if err := r.Fake.MoveTopicPartition(topic, 0, node); err != nil {
				t.Fatal(err)
			}
			r.commit(want[node])
		}
		r.expect(want...)
		if n := r.p.Stats().Retries["Produce/NOT_LEADER_OR_FOLLOWER (6)"]; n < 2 {
			t.Errorf("%d retries after the leader moved", n)
		}
	})
}

func TestProducer_FollowsACoordinatorThatMoved(t *testing.T) {
	eachProtocol(t, func(t *testing.T, protocol Protocol) {
		r := newRig(t, ProducerConfig{Protocol: protocol}, kfake.NumBrokers(3))
		var want []string
		for i := range 6 {
			want = append(want, fmt.Sprint(i))
			r.commit(want[i])
			r.Fake.RehashCoordinators()
		}
		r.expect(want...)
	})
}

// leaders are two, of partitions 0 and 2 and of 1 and 3, which answer only once
// released.
func (r *rig) leaders() (release chan struct{}) {
	r.t.Helper()
	for p := range int32(4) {
		if err := r.Fake.MoveTopicPartition(topic, p, p%2); err != nil {
			r.t.Fatal(err)
		}
	}
	release = make(chan struct{})
	for node := range int32(2) {
		r.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.Produce), After: true, Hold: release, Match: func(q kmsg.Request) bool {
			return q.(*kmsg.ProduceRequest).Topics[0].Partitions[0].Partition%2 == node
		}})
	}
	return release
}

// asked is how many Produce requests there were.
func (r *rig) asked() int { return len(kafkatest.Requests[*kmsg.ProduceRequest](r.Proxy)) }

func (r *rig) produceToAll(txn *Txn, value string) <-chan error {
	var records []Record
	for p := range int32(4) {
		records = append(records, to(p, value)...)
	}
	done := make(chan error, 1)
	go func() { done <- txn.Produce(r.ctx, records...) }()
	return done
}

func TestProducer_V1SendsToAllLeadersAtOnce(t *testing.T) {
	r := newRig(t, ProducerConfig{Protocol: ProtocolV1}, kfake.NumBrokers(2))
	release := r.leaders()
	txn := r.begin()
	done := r.produceToAll(txn, "a")
	waitFor(t, func() bool { return r.asked() == 2 }) // neither is answered before both were asked
	close(release)
	r.finish(txn, done)
	r.expectEverywhere("a")
}

// In V2 leaders announce themselves to the coordinator, which takes one at a time.
func TestProducer_V2AsksLeadersInTurnUntilTheyAreInTheTransaction(t *testing.T) {
	r := newRig(t, ProducerConfig{Protocol: ProtocolV2}, kfake.NumBrokers(2))
	release := r.leaders()
	txn := r.begin()
	done := r.produceToAll(txn, "a")
	waitFor(t, func() bool { return r.asked() == 1 })
	select {
	case err := <-done:
		t.Fatalf("done before the leader answered: %v", err)
	case <-time.After(50 * time.Millisecond): // in which the other one would have been asked
	}
	if n := r.asked(); n != 1 {
		t.Errorf("%d leaders were asked before the first had answered", n)
	}
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	before := r.asked()
	release = r.leaders()
	done = r.produceToAll(txn, "b")
	waitFor(t, func() bool { return r.asked() == before+2 }) // both are in it by now
	close(release)
	r.finish(txn, done)
	r.expectEverywhere("a", "b")
}

func (r *rig) finish(txn *Txn, done <-chan error) {
	r.t.Helper()
	if err := <-done; err != nil {
		r.t.Fatal(err)
	}
	if err := txn.Commit(r.ctx); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) expectEverywhere(values ...string) {
	r.t.Helper()
	all := r.committed(topic)
	if len(all) != 4 {
		r.t.Errorf("%d partitions have records, want 4", len(all))
	}
	for _, got := range all {
		expectEqual(r.t, got, values)
	}
	for _, q := range kafkatest.Requests[*kmsg.ProduceRequest](r.Proxy) {
		if n := len(q.Topics[0].Partitions); n != 2 {
			r.t.Errorf("one request carries %d partitions, want 2", n)
		}
	}
}

func TestProducer_SendsAgainWhenABrokerHangs(t *testing.T) {
	eachProtocol(t, func(t *testing.T, protocol Protocol) {
		for _, key := range []kmsg.Key{kmsg.Produce, kmsg.EndTxn} {
			t.Run(key.Name(), func(t *testing.T) {
				t.Parallel() // most of it is waiting
				r := newRig(t, ProducerConfig{Protocol: protocol, TransactionTimeout: 3 * time.Second})
				forever := make(chan struct{})
				defer close(forever)
				r.Proxy.Inject(kafkatest.Fault{Key: int16(key), After: true, Hold: forever})
				r.commit("v")
				r.expect("v")
			})
		}
	})
}

func TestProducer_GivesUpWhenTheTransactionCanNoLongerLive(t *testing.T) {
	r := newRig(t, ProducerConfig{TransactionTimeout: shortLife})
	r.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.Produce), Code: int16(codeConcurrentTransactions), Times: kafkatest.Always})
	txn := r.begin()
	start := time.Now()
	err := txn.Produce(r.ctx, to(0, "v")...)
	took := time.Since(start)
	if !errors.Is(err, ErrAborted) || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, codeConcurrentTransactions) {
		t.Errorf("got %v", err)
	}
	if took < shortLife || took > shortLife+2*time.Second {
		t.Errorf("gave up after %v, want %v", took, shortLife)
	}
}

func TestProducer_StopsWhenCtxEnds(t *testing.T) {
	forever := make(chan struct{})
	r := newRig(t, ProducerConfig{})
	t.Cleanup(func() { close(forever) })
	r.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.Produce), Hold: forever, Drop: true})
	txn := r.begin()
	ctx, cancel := context.WithCancel(r.ctx)
	done := make(chan error, 1)
	go func() { done <- txn.Produce(ctx, to(0, "v")...) }()
	waitFor(t, func() bool { return len(kafkatest.Requests[*kmsg.ProduceRequest](r.Proxy)) == 1 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || !errors.Is(err, ErrAborted) {
		t.Errorf("got %v", err)
	}
	if err := txn.Abort(r.ctx); err != nil {
		t.Errorf("abort: %v", err)
	}
	if _, err := r.p.Begin(); !errors.Is(err, ErrNotInitialized) {
		t.Errorf("begin after a failed transaction: %v", err)
	}
}

// waitFor polls a condition that another goroutine is about to make true.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(rigLimit); !ok(); {
		if time.Now().After(deadline) {
			t.Fatal("it did not come true")
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // polls with a deadline
	}
}
