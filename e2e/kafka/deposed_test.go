//go:build e2e

package kafka_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/outbox"
)

// silence is how long nobody tells a deposed leader that it is.
const silence = 3 * time.Second

// A broker that was frozen wakes up while nobody can tell it that another leads by
// now: it takes itself for the leader, and says what there was before it froze.
func TestDeposed_LeaderIsNotBelievedByARelayThatTakesOver(t *testing.T) {
	r := newRig(t, &three)
	positions, id := r.topic(1, "cleanup.policy", "compact"), name("relay")
	newLog := func() *outbox.KafkaLog {
		log, err := outbox.NewKafkaLog(r.client(), kafka.ProducerConfig{TransactionalID: id})
		r.must(err)
		return log
	}
	leading, standby := newLog(), newLog()
	r.must(leading.Init(r.ctx))
	r.must(position(r.ctx, leading, positions, id, "first"))
	// The standby learns who leads, and has a connection to it.
	if e, ok, err := standby.Last(r.ctx, positions, id, 0); err != nil || !ok || string(e.Value) != "first" {
		t.Fatalf("got %q %t %v", e.Value, ok, err)
	}
	topics, err := r.client().DescribeTopics(r.ctx, positions)
	r.must(err)
	deposed := int(topics[positions].Partitions[0].Leader) - 1 // brokers are numbered from 1
	f := freezer{r: r, frozen: make(map[int]bool)}
	defer f.thawAll()
	f.freeze(deposed)
	r.insist("publish", leading, func() error { return position(r.ctx, leading, positions, id, "second") })
	r.insist("take over", standby, func() error { return nil })
	for broker := range r.brokers {
		if broker != deposed {
			f.freeze(broker)
		}
	}
	f.thaw(deposed)
	talkative := time.AfterFunc(silence, f.thawAll)
	defer talkative.Stop()
	var entry outbox.Entry
	last := func() (err error) {
		entry, _, err = standby.Last(r.ctx, positions, id, 0)
		return err
	}
	if err := last(); err != nil {
		t.Logf("told by the deposed leader: %v", err)
		r.insist("read", standby, last)
	}
	if string(entry.Value) != "second" {
		t.Errorf("the relay that took over was told %q, and would publish again what was published", entry.Value)
	}
}

// insist initialises the log and does something, until both succeed, as a relay does.
func (r *rig) insist(what string, log *outbox.KafkaLog, do func() error) {
	r.t.Helper()
	for {
		err := log.Init(r.ctx)
		if err == nil {
			err = do()
		}
		if err == nil {
			return
		}
		r.must(r.ctx.Err())
		r.t.Logf("%s: %v", what, err)
	}
}

// freezer stops brokers without their knowing, and lets them go on.
type freezer struct {
	r      *rig
	mu     sync.Mutex
	frozen map[int]bool
}

func (f *freezer) freeze(broker int) {
	f.r.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.r.must(f.r.cluster.Pause(f.r.ctx, broker))
	f.frozen[broker] = true
}

func (f *freezer) thaw(broker int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.r.cluster.Resume(context.WithoutCancel(f.r.ctx), broker); err != nil {
		f.r.t.Error(err)
	}
	delete(f.frozen, broker)
}

func (f *freezer) thawAll() {
	for broker := range f.r.brokers {
		f.mu.Lock()
		frozen := f.frozen[broker]
		f.mu.Unlock()
		if frozen {
			f.thaw(broker)
		}
	}
}

// position writes a position record in a transaction of its own.
func position(ctx context.Context, log *outbox.KafkaLog, topic, key, value string) error {
	txn, err := log.Begin(ctx)
	if err != nil {
		return err
	}
	if _, err := txn.Produce(ctx, nil, eventstore.Record{Topic: topic, Key: key, Value: []byte(value)}); err != nil {
		return err
	}
	return txn.Commit(ctx)
}
