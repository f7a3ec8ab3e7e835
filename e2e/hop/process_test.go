//go:build e2e

package hop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/outbox"
)

var errKilled = errors.New("killed")

// life is that of a process: after its end nothing of it gets out.
type life struct {
	once sync.Once
	over chan struct{}
}

func newLife() *life { return &life{over: make(chan struct{})} }

func (l *life) end() { l.once.Do(func() { close(l.over) }) }

// lasts is nil until the end.
func (l *life) lasts() error {
	select {
	case <-l.over:
		return errKilled
	default:
		return nil
	}
}

// running is what a process does: Run of a relay or of an inbox.
type running struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error // after done
}

func (r *rig) run(task func(context.Context) error) *running {
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.ctx))
	p := &running{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.err = task(ctx)
	}()
	r.t.Cleanup(func() { _ = p.stop() }) // the test has looked at what it wanted to
	return p
}

func (p *running) stop() error {
	p.cancel()
	<-p.done
	return p.err
}

// ended tells whether it stopped by itself.
func (p *running) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// relayStore is the database as a relay's process reaches it.
type relayStore struct {
	*postgres.Store
	life *life
	// deletions are held until the end of the process if held.
	held bool
	// lies makes the process believe that it has the lease: its clock stood still
	// for as long as it was frozen itself.
	lies bool
}

func (s relayStore) Published(ctx context.Context, relay string, rows []eventstore.RowID, state eventstore.RelayState) error {
	if err := s.deletion(ctx); err != nil {
		return err
	}
	return s.Store.Published(ctx, relay, rows, state)
}

func (s relayStore) PublishedSpan(ctx context.Context, relay string, rows []eventstore.RowID, first, last int64, state eventstore.RelayState) error {
	if err := s.deletion(ctx); err != nil {
		return err
	}
	return s.Store.PublishedSpan(ctx, relay, rows, first, last, state)
}

func (s relayStore) deletion(ctx context.Context) error {
	if s.held {
		select {
		case <-s.life.over:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return s.life.lasts()
}

func (s relayStore) Lease(ctx context.Context, name string) (eventstore.LeaseState, error) {
	if s.lies {
		return eventstore.LeaseState{}, s.life.lasts()
	}
	return s.Store.Lease(ctx, name)
}

func (s relayStore) SwapLease(ctx context.Context, name string, from eventstore.LeaseState, owner string) (eventstore.LeaseState, error) {
	if err := s.life.lasts(); err != nil {
		return eventstore.LeaseState{}, err
	}
	if s.lies {
		return eventstore.LeaseState{Owner: owner, Counter: from.Counter + 1}, nil
	}
	return s.Store.SwapLease(ctx, name, from, owner)
}

const (
	relayName = "order"
	// lifetime of a transaction: one that nobody ends is open for longer than any
	// test lasts, so that whoever counts on its time-out gets nowhere.
	lifetime = 10 * time.Minute
)

// relay is one that runs.
type relay struct {
	*outbox.Relay
	*running
}

// config lets every row be a batch, so that a few rows take many steps.
func (r *rig) config() outbox.Config {
	return outbox.Config{
		Relay: relayName, PositionsTopic: r.positions, Owner: "test", BatchRows: 1,
		LeaseTTL: time.Second, RenewEvery: 100 * time.Millisecond, PollInterval: 20 * time.Millisecond,
		DeletionWait: 100 * time.Millisecond,
		DrainTimeout: time.Millisecond, // a process that is killed brings nothing to an end
	}
}

func (r *rig) log(client *kafka.Client) *outbox.KafkaLog {
	r.t.Helper()
	log, err := outbox.NewKafkaLog(client, kafka.ProducerConfig{TransactionalID: r.orders, TransactionTimeout: lifetime})
	r.must(err)
	return log
}

func (r *rig) relay(cfg outbox.Config, store outbox.Store, log outbox.Log) *relay {
	r.t.Helper()
	of, err := outbox.New(cfg, outbox.Deps{
		Store: store, Log: log,
		EncodePosition: func(p outbox.Position) ([]byte, error) { return json.Marshal(p) },
		DecodePosition: func(_ context.Context, v []byte) (p outbox.Position, err error) {
			err = json.Unmarshal(v, &p)
			return p, err
		},
	})
	r.must(err)
	return &relay{of, r.run(of.Run)}
}

// heir is a relay to which nothing happens.
func (r *rig) heir() *relay {
	r.t.Helper()
	cfg := r.config()
	cfg.DrainTimeout = 0 // the default
	return r.relay(cfg, r.store, r.log(r.connect(all.Kafka.Addresses())))
}

// drained waits until a relay has published everything.
func (r *rig) drained(when string, by *relay) {
	r.t.Helper()
	var rows int64
	r.eventually(func() string {
		return fmt.Sprintf("%s: the rest is published; %d rows wait, last error: %v", when, rows, by.Status().LastError)
	}, func() bool {
		if by.ended() {
			r.t.Fatalf("%s: the relay after it ended: %v", when, by.err)
		}
		var err error
		rows, _, err = r.store.Backlog(r.ctx)
		r.must(err)
		return rows == 0
	})
}
