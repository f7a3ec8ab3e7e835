package kafka

import (
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

func TestProducer_FencedZombieCanNeitherProduceNorCommit(t *testing.T) {
	eachProtocol(t, func(t *testing.T, protocol Protocol) {
		r := newRig(t, ProducerConfig{Protocol: protocol})
		zombie := r.p
		r.commit("before") // the zombie's other id has been in use as well
		open := r.begin()
		if err := open.Produce(r.ctx, to(0, "of the zombie")...); err != nil {
			t.Fatal(err)
		}
		r.p = r.producer(ProducerConfig{Protocol: protocol})
		if err := r.p.Init(r.ctx); err != nil {
			t.Fatal(err)
		}
		if err := open.Produce(r.ctx, to(0, "more of the zombie")...); !errors.Is(err, ErrAborted) {
			t.Errorf("produce: %v", err)
		}
		r.commit("of the successor")
		successor := r.begin()
		if err := successor.Produce(r.ctx, to(0, "open")...); err != nil {
			t.Fatal(err)
		}
		if err := open.Abort(r.ctx); !errors.Is(err, ErrUnknownOutcome) || !errors.Is(err, ErrFenced) {
			t.Errorf("abort: %v", err)
		}
		if _, err := zombie.Begin(); !errors.Is(err, ErrNotInitialized) {
			t.Errorf("begin: %v", err)
		}
		if err := successor.Commit(r.ctx); err != nil {
			t.Errorf("the zombie disturbed its successor: %v", err)
		}
		r.expect("before", "of the successor", "open")
	})
}

func TestProducer_FencedZombieCanNotCommitWhatItWroteBefore(t *testing.T) {
	eachProtocol(t, func(t *testing.T, protocol Protocol) {
		r := newRig(t, ProducerConfig{Protocol: protocol})
		open := r.begin()
		if err := open.Produce(r.ctx, to(0, "of the zombie")...); err != nil {
			t.Fatal(err)
		}
		r.p = r.producer(ProducerConfig{Protocol: protocol})
		if err := r.p.Init(r.ctx); err != nil {
			t.Fatal(err)
		}
		// In V2 an in-process broker takes this for a late repetition (48), because
		// its takeover raises the epoch by one only.
		if err := open.Commit(r.ctx); !errors.Is(err, ErrUnknownOutcome) || protocol == ProtocolV1 && !errors.Is(err, ErrFenced) {
			t.Errorf("commit: %v", err)
		}
		r.commit("of the successor")
		r.expect("of the successor")
	})
}

// The codes of a real broker, which an in-process one words differently.
func TestProducer_RefusalsThatEndTheTransaction(t *testing.T) {
	cases := map[kmsg.Key][]struct {
		code   Error
		fenced bool
	}{
		kmsg.Produce:            {{47, true}, {90, true}, {48, false}, {45, false}, {49, false}, {59, false}, {53, false}, {29, false}},
		kmsg.AddPartitionsToTxn: {{90, true}, {47, true}, {48, false}, {49, false}, {120, false}, {53, false}},
	}
	for key, answers := range cases {
		for _, a := range answers {
			t.Run(key.Name()+" "+a.code.Error(), func(t *testing.T) {
				r := newRig(t, ProducerConfig{Protocol: ProtocolV1})
				r.Proxy.Inject(kafkatest.Fault{Key: int16(key), Code: int16(a.code)})
				txn := r.begin()
				err := txn.Produce(r.ctx, to(0, "refused")...)
				if !errors.Is(err, ErrAborted) || !errors.Is(err, a.code) || errors.Is(err, ErrFenced) != a.fenced {
					t.Fatalf("got %v", err)
				}
				if err := r.p.Init(r.ctx); err != nil {
					t.Fatal(err)
				}
				r.commit("again")
				r.expect("again")
			})
		}
	}
}

// A transaction that timed out looks like a fenced one until Init tells.
func TestProducer_TimedOutTransactionRecoversByInit(t *testing.T) {
	eachProtocol(t, func(t *testing.T, protocol Protocol) {
		r := newRig(t, ProducerConfig{Protocol: protocol, TransactionTimeout: shortLife})
		txn := r.begin()
		if err := txn.Produce(r.ctx, to(0, "too late")...); err != nil {
			t.Fatal(err)
		}
		// The broker aborts it: the records stop holding back the readers.
		waitFor(t, func() bool { return r.stableOffsets(topic)[0] == 2 })
		if err := txn.Commit(r.ctx); !errors.Is(err, ErrUnknownOutcome) {
			t.Fatalf("commit: %v", err)
		}
		if err := r.p.Init(r.ctx); err != nil {
			t.Fatal(err)
		}
		r.commit("again")
		r.expect("again")
	})
}

func TestProducer_InitPresentsWhatItOwns(t *testing.T) {
	r := newRig(t, ProducerConfig{})
	r.commit("v")
	first := r.p.sessions[0].pid
	epoch := r.p.sessions[0].epoch
	if err := r.p.Init(r.ctx); err != nil {
		t.Fatal(err)
	}
	q := kafkatest.Requests[*kmsg.InitProducerIDRequest](r.Proxy)
	if len(q) != 4 {
		t.Fatalf("%d requests, want two per id", len(q))
	}
	for _, q := range q[:2] {
		if q.ProducerID != -1 || q.ProducerEpoch != -1 {
			t.Errorf("the first Init presents %d/%d", q.ProducerID, q.ProducerEpoch)
		}
	}
	if q[2].ProducerID != first || q[2].ProducerEpoch != epoch {
		t.Errorf("the second Init presents %d/%d, want %d/%d", q[2].ProducerID, q[2].ProducerEpoch, first, epoch)
	}
	if *q[0].TransactionalID != "relay-0" || *q[1].TransactionalID != "relay-1" {
		t.Errorf("initialised %q and %q", *q[0].TransactionalID, *q[1].TransactionalID)
	}
}

func TestProducer_RefusedInitIsFencedUntilTheNextTakesOver(t *testing.T) {
	r := newRig(t, ProducerConfig{})
	r.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.InitProducerID), Code: int16(codeProducerFenced)})
	if err := r.p.Init(r.ctx); !errors.Is(err, ErrFenced) {
		t.Fatalf("got %v", err)
	}
	if _, err := r.p.Begin(); !errors.Is(err, ErrNotInitialized) {
		t.Errorf("begin: %v", err)
	}
	if err := r.p.Init(r.ctx); err != nil {
		t.Fatal(err)
	}
	q := kafkatest.Requests[*kmsg.InitProducerIDRequest](r.Proxy)
	if last := q[len(q)-2]; last.ProducerID != -1 || last.ProducerEpoch != -1 {
		t.Errorf("the takeover presents %d/%d", last.ProducerID, last.ProducerEpoch)
	}
	r.commit("v")
	r.expect("v")
}

func TestProducer_InitOfAnExpiredIDStartsAnew(t *testing.T) {
	for _, code := range []Error{codeInvalidProducerMapping, codeUnknownProducerID} {
		t.Run(code.Error(), func(t *testing.T) {
			r := newRig(t, ProducerConfig{})
			r.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.InitProducerID), Code: int16(code)})
			if err := r.p.Init(r.ctx); err != nil {
				t.Fatal(err)
			}
			r.commit("v")
			r.expect("v")
		})
	}
}

func TestProducer_InitOfOneIDAloneIsNotEnough(t *testing.T) {
	r := newRig(t, ProducerConfig{TransactionTimeout: shortLife})
	in := r.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.InitProducerID), Code: 14, Times: kafkatest.Always,
		Match: func(q kmsg.Request) bool { return *q.(*kmsg.InitProducerIDRequest).TransactionalID == "relay-1" }})
	if err := r.p.Init(r.ctx); !errors.Is(err, Error(14)) {
		t.Fatalf("got %v", err)
	}
	if _, err := r.p.Begin(); !errors.Is(err, ErrNotInitialized) {
		t.Errorf("begin: %v", err)
	}
	in.Remove()
	if err := r.p.Init(r.ctx); err != nil {
		t.Fatal(err)
	}
}
