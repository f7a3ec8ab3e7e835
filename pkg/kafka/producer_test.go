package kafka

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

func TestProducer_CommitShowsAllPartitionsAtOnce(t *testing.T) {
	eachProtocol(t, func(t *testing.T, protocol Protocol) {
		r := newRig(t, ProducerConfig{Protocol: protocol}, kfake.NumBrokers(3), kfake.SeedTopics(3, "positions"))
		txn := r.begin()
		var records []Record
		for i := range 40 {
			records = append(records, Record{
				Topic: topic, Partition: AnyPartition, Key: fmt.Append(nil, "key-", i), Value: fmt.Append(nil, i),
				Headers: []Header{{Key: "n", Value: fmt.Append(nil, i)}},
			})
		}
		records = append(records, Record{Topic: "positions", Partition: 2, Key: []byte("relay"), Value: []byte("40")})
		if err := txn.Produce(r.ctx, records...); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{topic, "positions"} {
			if got := r.committed(name); len(got) > 0 {
				t.Fatalf("visible before the commit: %v", got)
			}
		}
		if err := txn.Commit(r.ctx); err != nil {
			t.Fatal(err)
		}
		seen := 0
		for p, recs := range r.read(topic) {
			last := -1
			for _, rec := range recs {
				seen++
				n, err := strconv.Atoi(string(rec.Value))
				if err != nil {
					t.Fatal(err)
				}
				if n <= last || PartitionFor(rec.Key, 4) != p || string(rec.Headers[0].Value) != string(rec.Value) {
					t.Errorf("partition %d: %q=%q after %d, headers %q", p, rec.Key, rec.Value, last, rec.Headers)
				}
				last = n
			}
		}
		if seen != 40 {
			t.Errorf("read %d of 40 records", seen)
		}
		expectEqual(t, r.committed("positions")[2], []string{"40"})
		if got := r.p.Stats(); got.Transactions != 1 || got.Records != 41 || got.Protocol != protocol || got.Inits != 1 {
			t.Errorf("stats %+v", got)
		}
	})
}

func TestProducer_AbortedRecordsAreNeverVisible(t *testing.T) {
	eachProtocol(t, func(t *testing.T, protocol Protocol) {
		r := newRig(t, ProducerConfig{Protocol: protocol})
		for i := range 6 {
			txn := r.begin()
			if err := txn.Produce(r.ctx, to(0, fmt.Sprint("aborted ", i))...); err != nil {
				t.Fatal(err)
			}
			if err := txn.Abort(r.ctx); err != nil {
				t.Fatal(err)
			}
			r.commit(fmt.Sprint("committed ", i))
		}
		r.expect("committed 0", "committed 1", "committed 2", "committed 3", "committed 4", "committed 5")
		if got := r.p.Stats(); got.Aborted != 6 || got.Transactions != 6 {
			t.Errorf("stats %+v", got)
		}
	})
}

func TestProducer_WritesEveryCodec(t *testing.T) {
	value := strings.Repeat("murmuration ", 300)
	for _, codec := range []Compression{CompressionDefault, CompressionNone, CompressionGzip, CompressionSnappy, CompressionLZ4, CompressionZstd} {
		t.Run(fmt.Sprint(int(codec), codec), func(t *testing.T) {
			r := newRig(t, ProducerConfig{Compression: codec})
			r.commit(value, "", "short")
			r.expect(value, "", "short")
			if size := len(r.sent()[0].raw); (size < 1000) != (codec != CompressionNone) {
				t.Errorf("the batch took %d bytes", size)
			}
		})
	}
}

func TestProducer_KeepsTombstonesApartFromEmptyValues(t *testing.T) {
	r := newRig(t, ProducerConfig{})
	txn := r.begin()
	if err := txn.Produce(r.ctx, Record{Topic: topic, Key: []byte("k")}, Record{Topic: topic, Key: []byte("k"), Value: []byte{}}); err != nil {
		t.Fatal(err)
	}
	if err := txn.Commit(r.ctx); err != nil {
		t.Fatal(err)
	}
	got := r.read(topic)[0]
	if len(got) != 2 || got[0].Value != nil || got[1].Value == nil {
		t.Fatalf("got %v", got)
	}
}

func TestProducer_TransactionalIDsTakeTurns(t *testing.T) {
	eachProtocol(t, func(t *testing.T, protocol Protocol) {
		r := newRig(t, ProducerConfig{Protocol: protocol})
		r.commit("0")
		r.commit("1")
		empty := r.begin() // sends nothing, so it takes no turn
		if err := empty.Commit(r.ctx); err != nil {
			t.Fatal(err)
		}
		r.commit("2")
		var ids []string
		for _, q := range kafkatest.Requests[*kmsg.EndTxnRequest](r.Proxy) {
			ids = append(ids, q.TransactionalID)
		}
		if want := []string{"relay-0", "relay-1", "relay-0"}; !slices.Equal(ids, want) {
			t.Errorf("ended by %q, want %q", ids, want)
		}
		r.expect("0", "1", "2")
	})
}

func TestProducer_SplitsWhatExceedsABatch(t *testing.T) {
	eachProtocol(t, func(t *testing.T, protocol Protocol) {
		const limit = 4 << 10
		r := newRig(t, ProducerConfig{Protocol: protocol, MaxBatchBytes: limit, Compression: CompressionNone})
		random := rand.New(rand.NewSource(7))
		var want []string
		for i := range 60 {
			want = append(want, fmt.Sprint(i, strings.Repeat("x", random.Intn(900))))
		}
		txn := r.begin()
		if err := txn.Produce(r.ctx, to(0, want[:50]...)...); err != nil {
			t.Fatal(err)
		}
		if err := txn.Produce(r.ctx, to(0, want[50:]...)...); err != nil {
			t.Fatal(err)
		}
		if last, ok := txn.LastOffset(TopicPartition{topic, 0}); !ok || last != 59 {
			t.Errorf("last offset %d, %v", last, ok)
		}
		if err := txn.Commit(r.ctx); err != nil {
			t.Fatal(err)
		}
		r.expect(want...)
		next := int32(0)
		for _, b := range r.sent() {
			if len(b.raw) > limit || b.seq != next {
				t.Errorf("a batch of %d bytes with sequence %d, want at most %d and %d", len(b.raw), b.seq, limit, next)
			}
			next += b.count
		}
		if n := len(r.sent()); n < 8 {
			t.Errorf("sent %d batches", n)
		}
	})
}

func TestProducer_RefusesWhatItCanNotSendBeforeItSends(t *testing.T) {
	cases := map[string]struct {
		bad  Record
		want error
	}{
		"too large":                {Record{Topic: topic, Key: []byte("k"), Value: make([]byte, 3<<10)}, ErrRecordTooLarge},
		"headers too large":        {Record{Topic: topic, Headers: []Header{{"h", make([]byte, 3<<10)}}}, ErrRecordTooLarge},
		"no key and no partition":  {Record{Topic: topic, Partition: AnyPartition}, errNoPartition},
		"a partition below -1":     {Record{Topic: topic, Partition: -2, Key: []byte("k")}, errNoPartition},
		"a topic that can not be":  {Record{Topic: "no/topic", Partition: AnyPartition, Key: []byte("k")}, Error(17)},
		"the key alone is refused": {Record{Topic: topic, Key: make([]byte, 3<<10)}, ErrRecordTooLarge},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, ProducerConfig{MaxBatchBytes: 2 << 10})
			r.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.Metadata), Times: kafkatest.Always, After: true,
				Match: func(q kmsg.Request) bool {
					m := q.(*kmsg.MetadataRequest)
					return len(m.Topics) == 1 && *m.Topics[0].Topic == "no/topic"
				},
				Edit: func(_ kmsg.Request, resp kmsg.Response) { resp.(*kmsg.MetadataResponse).Topics[0].ErrorCode = 17 }})
			txn := r.begin()
			err := txn.Produce(r.ctx, append(to(0, "before"), c.bad)...)
			if !errors.Is(err, c.want) || errors.Is(err, ErrAborted) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if n := len(r.sent()); n != 0 {
				t.Fatalf("sent %d batches all the same", n)
			}
			if err := txn.Produce(r.ctx, to(0, "after")...); err != nil {
				t.Fatalf("the transaction does not go on: %v", err)
			}
			if err := txn.Commit(r.ctx); err != nil {
				t.Fatal(err)
			}
			r.expect("after")
		})
	}
}

func TestProducer_BrokersOwnLimitIsAlsoTooLarge(t *testing.T) {
	r := newRig(t, ProducerConfig{})
	r.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.Produce), Code: int16(codeMessageTooLarge)})
	txn := r.begin()
	err := txn.Produce(r.ctx, to(0, "v")...)
	if !errors.Is(err, ErrRecordTooLarge) || !errors.Is(err, ErrAborted) || !errors.Is(err, codeMessageTooLarge) {
		t.Fatalf("got %v", err)
	}
}

func TestProducer_OneTransactionAtATime(t *testing.T) {
	r := newRig(t, ProducerConfig{})
	fresh := r.producer(ProducerConfig{TransactionalID: "other"})
	if _, err := fresh.Begin(); !errors.Is(err, ErrNotInitialized) {
		t.Errorf("begin before init: %v", err)
	}
	txn := r.begin()
	if _, err := r.p.Begin(); !errors.Is(err, ErrTransactionOpen) {
		t.Errorf("second begin: %v", err)
	}
	if err := txn.Produce(r.ctx, to(0, "v")...); err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(r.ctx)
	cancel()
	if err := txn.Commit(over); !errors.Is(err, context.Canceled) {
		t.Errorf("commit with a ctx that is over: %v", err)
	}
	if err := txn.Commit(r.ctx); err != nil {
		t.Errorf("commit after that: %v", err)
	}
	for name, err := range map[string]error{
		"produce": txn.Produce(r.ctx, to(0, "late")...), "commit": txn.Commit(r.ctx), "abort": txn.Abort(r.ctx),
	} {
		if !errors.Is(err, ErrTransactionEnded) {
			t.Errorf("%s after the end: %v", name, err)
		}
	}
	r.expect("v")
}

func TestProducer_InitAbandonsTheOpenTransaction(t *testing.T) {
	eachProtocol(t, func(t *testing.T, protocol Protocol) {
		r := newRig(t, ProducerConfig{Protocol: protocol})
		r.commit("before")
		txn := r.begin()
		if err := txn.Produce(r.ctx, to(0, "abandoned")...); err != nil {
			t.Fatal(err)
		}
		if err := r.p.Init(r.ctx); err != nil {
			t.Fatal(err)
		}
		if err := txn.Commit(r.ctx); !errors.Is(err, ErrTransactionEnded) {
			t.Errorf("commit of the abandoned transaction: %v", err)
		}
		r.commit("after")
		r.commit("and on")
		r.expect("before", "after", "and on")
	})
}

func TestProducerConfig_ReportsEveryFault(t *testing.T) {
	err := ProducerConfig{Protocol: 9, TransactionTimeout: 1, Compression: 9, MaxBatchBytes: 1, RetryBackoff: -1}.Validate()
	for _, part := range []string{"transactional id", "protocol(9)", "transaction timeout", "compression(9)", "max batch bytes", "retry backoff"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not mention %q", err, part)
		}
	}
	if _, err := NewProducer(nil, ProducerConfig{}); err == nil {
		t.Error("no error without a transactional id")
	}
}
