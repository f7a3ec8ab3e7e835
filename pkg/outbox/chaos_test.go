package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
	"github.com/murmuration-dev/murmuration/pkg/outbox"
)

var errKilled = errors.New("killed")

// mortal is the database and the cluster as a process sees them that can be
// killed: from then on nothing of it gets out, and what was on its way may or
// may not have arrived.
type mortal struct {
	outbox.Store
	outbox.Log
	killed atomic.Bool
	// zombie makes the process believe in its lease for ever.
	zombie bool
}

func (m *mortal) alive() error {
	if m.killed.Load() {
		return errKilled
	}
	return nil
}

func (m *mortal) Published(ctx context.Context, relay string, rows []eventstore.RowID, state eventstore.RelayState) error {
	return m.unless(func() error { return m.Store.Published(ctx, relay, rows, state) })
}

// unless it was killed, the process makes the call.
func (m *mortal) unless(call func() error) error {
	if err := m.alive(); err != nil {
		return err
	}
	return call()
}

func (m *mortal) Lease(ctx context.Context, name string) (eventstore.LeaseState, error) {
	if m.zombie {
		return eventstore.LeaseState{}, m.alive()
	}
	return m.Store.Lease(ctx, name)
}

func (m *mortal) SwapLease(ctx context.Context, name string, from eventstore.LeaseState, owner string) (eventstore.LeaseState, error) {
	if m.zombie || m.killed.Load() {
		return eventstore.LeaseState{Owner: owner, Counter: from.Counter + 1}, m.alive()
	}
	return m.Store.SwapLease(ctx, name, from, owner)
}

func (m *mortal) Init(ctx context.Context) error {
	return m.unless(func() error { return m.Log.Init(ctx) })
}

func (m *mortal) Begin(ctx context.Context) (outbox.Txn, error) {
	if err := m.alive(); err != nil {
		return nil, err
	}
	txn, err := m.Log.Begin(ctx)
	return mortalTxn{txn, m}, err
}

type mortalTxn struct {
	outbox.Txn
	by *mortal
}

func (t mortalTxn) Produce(ctx context.Context, records []eventstore.Record, position eventstore.Record) (offset int64, err error) {
	err = t.by.unless(func() error { offset, err = t.Txn.Produce(ctx, records, position); return err })
	return offset, err
}

func (t mortalTxn) Commit(ctx context.Context) error {
	return t.by.unless(func() error { return t.Txn.Commit(ctx) })
}

func (t mortalTxn) Abort(ctx context.Context) error {
	return t.by.unless(func() error { return t.Txn.Abort(ctx) })
}

func (b *bench) mortal(zombie bool) (*mortal, *running) {
	b.tb.Helper()
	m := &mortal{Store: b.store, Log: b.log(), zombie: zombie}
	cfg := b.config()
	cfg.BatchRows = 50 // many transactions
	cfg.Owner = fmt.Sprintf("test, zombie %t", zombie)
	return m, run(b.relay(cfg, m, m))
}

// Relays are killed and replaced under load, zombies fight with them, and the
// network loses answers and connections.
func TestRelay_LosesNothingInChaos(t *testing.T) {
	const (
		streams = 40
		writers = 4
		rounds  = 14
		// A round has a given length, in which a busy machine gets little done.
		patience = 10 * rounds
	)
	b := newBench(t)
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d; the network and the scheduler take part, so it is a hint", seed)

	stop := make(chan struct{})
	var load sync.WaitGroup
	for w := range writers {
		load.Go(func() {
			own := rand.New(rand.NewPCG(seed, uint64(w)+2))
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond): // some thousand rows a second
				}
				// Streams of its own, so that no unit meets a conflict.
				ids := []string{}
				for i := own.IntN(streams / writers); i < streams/writers; i += 1 + own.IntN(3) {
					ids = append(ids, fmt.Sprintf("order-%d-%d", w, i))
				}
				if err := b.commit(ids...); err != nil {
					t.Errorf("commit: %v", err)
					return
				}
			}
		})
	}

	var gone []*running
	var zombies []*mortal
	m, relay := b.mortal(false)
	for round := 0; round < rounds || round < patience && b.counted("outbox_fencings_total") == 0; round++ {
		b.disturb(r)
		zombie, fighting := b.mortal(true)
		zombies, gone = append(zombies, zombie), append(gone, fighting)
		<-time.After(time.Duration(20+r.IntN(150)) * time.Millisecond) // they fight
		if r.IntN(2) == 0 {
			zombie.killed.Store(true)
		}
		m.killed.Store(true)
		gone = append(gone, relay)
		m, relay = b.mortal(false)
		if len(zombies) > 2 { // no more than two fight at any time
			zombies[len(zombies)-3].killed.Store(true)
		}
	}
	for _, zombie := range zombies {
		zombie.killed.Store(true)
	}
	close(stop)
	load.Wait()
	b.cluster.Proxy.Clear()
	b.drained()
	for _, r := range append(gone, relay) {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	}
	b.check()
	total := int64(0)
	for _, version := range b.versions {
		total += version
	}
	state, err := b.store.RelayState(t.Context(), "order")
	if err != nil {
		t.Fatal(err)
	}
	reinits, fencings := b.counted("outbox_reinits_total"), b.counted("outbox_fencings_total")
	t.Logf("%d rows, %d batches, %d relays, %d recoveries, fenced %d times", total, state.Batch, len(gone)+1, reinits, fencings)
	if fencings == 0 {
		t.Error("nobody was ever fenced: the zombies did not fight")
	}
}

// disturb puts one fault into the network.
func (b *bench) disturb(r *rand.Rand) {
	apis := []int16{int16(kmsg.Produce), int16(kmsg.EndTxn), int16(kmsg.InitProducerID)}
	api := apis[r.IntN(len(apis))]
	switch r.IntN(4) {
	case 0:
		b.cluster.Proxy.Inject(kafkatest.Fault{Key: api, Drop: true})
	case 1:
		b.cluster.Proxy.Inject(kafkatest.Fault{Key: api, Drop: true, After: true})
	case 2:
		b.cluster.Proxy.Inject(kafkatest.Fault{Key: api, Code: 51, Times: 3})
	case 3:
		b.cluster.Proxy.CutAll()
	}
}
