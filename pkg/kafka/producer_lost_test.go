package kafka

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

// Every request is lost once before and once after the broker handled it, and
// answered "not enough replicas after append" or "timed out", which say that it
// may well have been handled.
func TestProducer_LostRequestsAndAnswersDuplicateNothing(t *testing.T) {
	faults := map[string]kafkatest.Fault{
		"request lost":                   {Drop: true},
		"answer lost":                    {Drop: true, After: true},
		"two answers lost":               {Drop: true, After: true, Times: 2},
		"answered REQUEST_TIMED_OUT":     {Code: 7, After: true},
		"answered NOT_ENOUGH_REPLICAS":   {Code: 20, After: true},
		"answered CONCURRENT":            {Code: 51, After: true},
		"answered NOT_COORDINATOR twice": {Code: 16, After: true, Times: 2},
	}
	eachProtocol(t, func(t *testing.T, protocol Protocol) {
		for _, key := range []kmsg.Key{kmsg.Produce, kmsg.AddPartitionsToTxn, kmsg.EndTxn, kmsg.InitProducerID, kmsg.FindCoordinator} {
			if key == kmsg.AddPartitionsToTxn && protocol == ProtocolV2 {
				continue
			}
			for name, f := range faults {
				t.Run(key.Name()+" "+name, func(t *testing.T) {
					r := newRig(t, ProducerConfig{Protocol: protocol})
					r.commit("0")
					f.Key = int16(key)
					in := r.Proxy.Inject(f)
					if key == kmsg.InitProducerID || key == kmsg.FindCoordinator {
						r.p.sessions[0].coord = anyBroker
						if err := r.p.Init(r.ctx); err != nil {
							t.Fatal(err)
						}
					}
					r.commit("1", "2")
					r.commit("3")
					r.commit("4")
					in.Wait(t)
					r.expect("0", "1", "2", "3", "4")
				})
			}
		}
	})
}

func TestProducer_SendsTheSameBytesAgain(t *testing.T) {
	eachProtocol(t, func(t *testing.T, protocol Protocol) {
		r := newRig(t, ProducerConfig{Protocol: protocol})
		txn := r.begin()
		for i, f := range []kafkatest.Fault{{Drop: true, After: true, Times: 3}, {Code: 19, Times: 3}, {Code: 6, Times: 3}} {
			f.Key = int16(kmsg.Produce)
			r.Proxy.Inject(f)
			before := len(r.sent())
			if err := txn.Produce(r.ctx, to(0, fmt.Sprint(i, " a"), fmt.Sprint(i, " b"))...); err != nil {
				t.Fatal(err)
			}
			tries := r.sent()[before:]
			if len(tries) != 4 {
				t.Fatalf("sent %d times, want 4", len(tries))
			}
			for _, b := range tries {
				if b != tries[0] || b.seq != int32(2*i) {
					t.Errorf("sent sequence %d of %d bytes, then %d of %d", tries[0].seq, len(tries[0].raw), b.seq, len(b.raw))
				}
			}
		}
		if err := txn.Commit(r.ctx); err != nil {
			t.Fatal(err)
		}
		r.expect("0 a", "0 b", "1 a", "1 b", "2 a", "2 b")
	})
}

// One leader has the records, the other does not: only what is missing is sent
// again.
func TestProducer_SendsOnlyWhatIsMissingAgain(t *testing.T) {
	r := newRig(t, ProducerConfig{})
	r.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.Produce), After: true, Edit: func(_ kmsg.Request, resp kmsg.Response) {
		for i := range resp.(*kmsg.ProduceResponse).Topics[0].Partitions {
			if p := &resp.(*kmsg.ProduceResponse).Topics[0].Partitions[i]; p.Partition == 1 {
				p.ErrorCode, p.BaseOffset = int16(codeNotLeader), -1
			}
		}
	}})
	txn := r.begin()
	if err := txn.Produce(r.ctx, append(to(0, "zero"), to(1, "one")...)...); err != nil {
		t.Fatal(err)
	}
	if err := txn.Commit(r.ctx); err != nil {
		t.Fatal(err)
	}
	sent := r.sent()
	if len(sent) != 3 || sent[2].tp.Partition != 1 {
		t.Errorf("sent %d batches, the last to %v", len(sent), sent[len(sent)-1].tp)
	}
	got := r.committed(topic)
	expectEqual(t, got[0], []string{"zero"})
	expectEqual(t, got[1], []string{"one"})
}

func TestProducer_DuplicateSequenceIsAnAcknowledgement(t *testing.T) {
	r := newRig(t, ProducerConfig{})
	r.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.Produce), Code: int16(codeDuplicateSequence), After: true})
	txn := r.begin()
	if err := txn.Produce(r.ctx, to(0, "v")...); err != nil {
		t.Fatal(err)
	}
	if _, ok := txn.LastOffset(TopicPartition{topic, 0}); ok {
		t.Error("an offset that the broker never told")
	}
	if err := txn.Produce(r.ctx, to(0, "w")...); err != nil {
		t.Fatal(err)
	}
	if last, ok := txn.LastOffset(TopicPartition{topic, 0}); !ok || last != 1 {
		t.Errorf("last offset %d, %v", last, ok)
	}
	if err := txn.Commit(r.ctx); err != nil {
		t.Fatal(err)
	}
	r.expect("v", "w")
}

// EndTxn says nothing that decides, for as long as we ask.
func TestProducer_UnknownOutcome(t *testing.T) {
	cases := map[string]kafkatest.Fault{
		"no answer":                  {Drop: true, After: true, Times: kafkatest.Always},
		"never arrives":              {Drop: true, Times: kafkatest.Always},
		"48 INVALID_TXN_STATE":       {Code: 48, After: true},
		"90 PRODUCER_FENCED":         {Code: 90, After: true},
		"47 INVALID_PRODUCER_EPOCH":  {Code: 47, After: true},
		"49 the id is not known":     {Code: 49, After: true},
		"51 until nobody waits":      {Code: 51, Times: kafkatest.Always},
		"an identity that can't be":  {After: true, Edit: func(_ kmsg.Request, r kmsg.Response) { r.(*kmsg.EndTxnResponse).ProducerID = -1 }},
		"-1 UNKNOWN_SERVER_ERROR":    {Code: -1, After: true},
		"53 after the rights ceased": {Code: 53, After: true},
	}
	for name, f := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of it is waiting
			r := newRig(t, ProducerConfig{TransactionTimeout: shortLife})
			f.Key = int16(kmsg.EndTxn)
			in := r.Proxy.Inject(f)
			txn := r.begin()
			if err := txn.Produce(r.ctx, to(0, "in doubt")...); err != nil {
				t.Fatal(err)
			}
			err := txn.Commit(r.ctx)
			if !errors.Is(err, ErrUnknownOutcome) || errors.Is(err, ErrAborted) {
				t.Fatalf("commit: %v", err)
			}
			if fenced := f.Code == 90 || f.Code == 47; errors.Is(err, ErrFenced) != fenced {
				t.Errorf("fenced: %v", err)
			}
			if f.Times == kafkatest.Always && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("gave up for another reason: %v", err)
			}
			if _, err := r.p.Begin(); !errors.Is(err, ErrNotInitialized) {
				t.Errorf("begin: %v", err)
			}
			in.Remove()
			if err := r.p.Init(r.ctx); err != nil {
				t.Fatal(err)
			}
			after := r.committed(topic)[0] // after Init this is final
			r.commit("next")
			r.expect(append(after, "next")...)
			if got := r.p.Stats(); got.Unknown != 1 || got.Transactions != 1 {
				t.Errorf("stats %+v", got)
			}
		})
	}
}

func TestProducer_BrokerSaysAbort(t *testing.T) {
	eachProtocol(t, func(t *testing.T, protocol Protocol) {
		for _, key := range []kmsg.Key{kmsg.Produce, kmsg.EndTxn} {
			t.Run(key.Name(), func(t *testing.T) {
				r := newRig(t, ProducerConfig{Protocol: protocol})
				r.Proxy.Inject(kafkatest.Fault{Key: int16(key), Code: int16(codeTransactionAbortable)})
				txn := r.begin()
				err := txn.Produce(r.ctx, to(0, "refused")...)
				if key == kmsg.EndTxn && err == nil {
					err = txn.Commit(r.ctx)
				}
				if !errors.Is(err, ErrAborted) || !errors.Is(err, codeTransactionAbortable) || errors.Is(err, ErrUnknownOutcome) {
					t.Fatalf("got %v", err)
				}
				if err := txn.Commit(r.ctx); !errors.Is(err, ErrAborted) {
					t.Errorf("commit: %v", err)
				}
				if err := txn.Produce(r.ctx, to(0, "more")...); !errors.Is(err, ErrAborted) {
					t.Errorf("produce: %v", err)
				}
				if _, err := r.p.Begin(); !errors.Is(err, ErrTransactionOpen) {
					t.Errorf("begin: %v", err)
				}
				// V1 has nothing to end where the broker saw none of it; only Init says.
				if err := txn.Abort(r.ctx); err != nil {
					t.Errorf("abort: %v", err)
				}
				if _, err := r.p.Begin(); !errors.Is(err, ErrNotInitialized) {
					t.Errorf("begin after the abort: %v", err)
				}
				if err := r.p.Init(r.ctx); err != nil {
					t.Fatal(err)
				}
				r.commit("again")
				r.expect("again")
			})
		}
	})
}

// After a lost answer, "abort it" no longer says that nothing was committed.
func TestProducer_AbortableAfterALostAnswerIsUnknown(t *testing.T) {
	r := newRig(t, ProducerConfig{})
	r.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.EndTxn), Drop: true, After: true})
	r.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.EndTxn), Code: int16(codeTransactionAbortable)})
	txn := r.begin()
	if err := txn.Produce(r.ctx, to(0, "committed")...); err != nil {
		t.Fatal(err)
	}
	if err := txn.Commit(r.ctx); !errors.Is(err, ErrUnknownOutcome) || errors.Is(err, ErrAborted) {
		t.Fatalf("got %v", err)
	}
	r.expect("committed")
}
