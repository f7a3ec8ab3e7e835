package kafka

import (
	"errors"
	"fmt"
	"math/rand"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

// A relay in small: numbers and, in the same transaction, the position reached.
// Whatever happens it goes on from the position that was committed. Faults come
// at random; each number must be visible once, in order.
func TestProducer_EachRecordOnceUnderRandomFaults(t *testing.T) {
	eachProtocol(t, func(t *testing.T, protocol Protocol) {
		seed := time.Now().UnixNano()
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewSource(seed))
		r := newRig(t, ProducerConfig{Protocol: protocol, TransactionTimeout: 2 * time.Second},
			kfake.NumBrokers(3), kfake.SeedTopics(1, "positions"))
		const total = 300
		position, recoveries := 0, 0
		for position < total {
			if random.Intn(3) == 0 {
				r.Proxy.Inject(randomFault(random))
			}
			if random.Intn(20) == 0 {
				r.Proxy.CutAll()
			}
			next := min(total, position+1+random.Intn(8))
			err := r.relay(position, next)
			if err == nil {
				position = next
				continue
			}
			recoveries++
			if random.Intn(2) == 0 { // crash: another instance takes over
				r.p = r.producer(ProducerConfig{Protocol: protocol, TransactionTimeout: 2 * time.Second})
			}
			for {
				if err = r.p.Init(r.ctx); err == nil {
					break
				}
				if !errors.Is(err, ErrFenced) && !retriable(err) {
					t.Fatalf("init: %v", err)
				}
			}
			r.Proxy.Clear() // the reader of the test can do without
			position = 0
			if done := r.committed("positions")[0]; len(done) > 0 {
				position, _ = strconv.Atoi(done[len(done)-1])
			}
		}
		r.Proxy.Clear()
		next := map[int32]int{}
		seen := 0
		for p, values := range r.committed(topic) {
			next[p] = int(p)
			for _, v := range values {
				if v != fmt.Sprint(next[p]) {
					t.Fatalf("partition %d: %s where %d was due", p, v, next[p])
				}
				next[p] += 4
				seen++
			}
		}
		if seen != total {
			t.Errorf("%d records visible, want %d", seen, total)
		}
		t.Logf("%d recoveries, %+v", recoveries, r.p.Stats())
	})
}

// relay publishes the numbers from..to-1 and the position, in one transaction.
func (r *rig) relay(from, to int) error {
	txn, err := r.p.Begin()
	if err != nil {
		return err
	}
	var records []Record
	for n := from; n < to; n++ {
		records = append(records, Record{Topic: topic, Partition: int32(n % 4), Value: fmt.Append(nil, n)})
	}
	records = append(records, Record{Topic: "positions", Value: fmt.Append(nil, to)})
	if err := txn.Produce(r.ctx, records...); err != nil {
		return err
	}
	return txn.Commit(r.ctx)
}

func randomFault(random *rand.Rand) kafkatest.Fault {
	keys := []kmsg.Key{kmsg.Produce, kmsg.Produce, kmsg.EndTxn, kmsg.EndTxn, kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.FindCoordinator, kmsg.Metadata}
	codes := []int16{6, 7, 14, 15, 16, 47, 51, 90, 120}
	f := kafkatest.Fault{Key: int16(keys[random.Intn(len(keys))]), Times: 1 + random.Intn(3), After: random.Intn(2) == 0}
	switch f.Key {
	case int16(kmsg.FindCoordinator), int16(kmsg.Metadata), int16(kmsg.InitProducerID):
		f.Drop = true
		return f
	}
	if f.Drop = random.Intn(2) == 0; !f.Drop {
		f.Code = codes[random.Intn(len(codes))]
	}
	return f
}
