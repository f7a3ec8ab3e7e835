package outbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// A lease is the right to initialise the transactional ids and to publish. It is
// renewed by swapping a counter in the database, and trusted for two thirds of
// the time-to-live after a renewal was begun: well before anybody else, who
// waits for the whole of it after seeing the renewal, takes it over.
type lease struct {
	store       eventstore.Leases
	name, owner string
	trust       time.Duration

	swapping  chan struct{} // holds a value while a swap is under way
	state     eventstore.LeaseState
	recovered atomic.Bool // which the next renewal tells those that stand by

	mu    sync.Mutex
	until time.Time // on the own monotonic clock
}

// standby waits until the lease is free and takes it; ok is false when ctx ended.
func (r *Relay) standby(ctx context.Context) (held *lease, ok bool) {
	var (
		seen  eventstore.LeaseState
		since time.Time // when seen was first read; zero: nothing was read yet
		blind bool      // the lease could not be read
	)
	for ctx.Err() == nil {
		asked := time.Now()
		state, err := r.deps.Store.Lease(ctx, r.cfg.Relay)
		free := state.Owner == "" || holder(state) == r.owner
		still := !since.IsZero() && state == seen && asked.Sub(since) >= r.cfg.LeaseTTL
		switch {
		case err != nil:
			if ctx.Err() == nil {
				r.failed(fmt.Errorf("read lease: %w", err))
			}
			// Nobody could renew either: the holder gets a whole time-to-live again.
			since, blind = time.Time{}, true
		case free || still:
			if held, ok := r.take(ctx, state); ok {
				return held, true
			}
			since = time.Time{}
		case since.IsZero() || state != seen:
			if !since.IsZero() && vouched(seen, state) {
				r.gate.pass()
			}
			seen, since = state, time.Now()
			if blind {
				blind = false
				r.worked()
			}
		}
		sleep(ctx, r.cfg.RenewEvery)
	}
	return nil, false
}

func (r *Relay) take(ctx context.Context, from eventstore.LeaseState) (*lease, bool) {
	l := &lease{
		store: r.deps.Store, name: r.cfg.Relay, owner: r.owner, trust: r.cfg.LeaseTTL * 2 / 3,
		swapping: make(chan struct{}, 1), state: from,
	}
	err := l.renew(ctx)
	if err != nil && !errors.Is(err, errLeaseLost) && ctx.Err() == nil {
		r.failed(err)
	}
	return l, err == nil
}

// renew proves, by a swap in the database, that the lease is held at this
// moment. errLeaseLost means that it is not; after any other error it may be.
func (l *lease) renew(ctx context.Context) error {
	begun := time.Now()
	if err := l.swap(ctx, l.signed); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = begun.Add(l.trust)
	return nil
}

// vouch lets the coming renewals say that the owner has recovered.
func (l *lease) vouch() { l.recovered.Store(true) }

func (l *lease) signed() string {
	if l.recovered.Load() {
		return l.owner + recoveredMark
	}
	return l.owner
}

// swap hands the lease from this owner to the next, who may be the same.
func (l *lease) swap(ctx context.Context, next func() string) error {
	select {
	case l.swapping <- struct{}{}:
		defer func() { <-l.swapping }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for {
		state, err := l.store.SwapLease(ctx, l.name, l.state, next())
		if err == nil {
			l.state = state
			return nil
		}
		if !errors.Is(err, eventstore.ErrConflict) {
			return fmt.Errorf("renew lease %s: %w", l.name, err)
		}
		// The counter moved: taken over, or the answer to our own swap was lost.
		state, err = l.store.Lease(ctx, l.name)
		if err != nil {
			return fmt.Errorf("read lease %s: %w", l.name, err)
		}
		if holder(state) != l.owner || state == l.state {
			return fmt.Errorf("%w to %q", errLeaseLost, state.Owner)
		}
		if state.Counter < l.state.Counter {
			// The database was set back: only recovery can tell how far.
			return fmt.Errorf("%w: its counter went back from %d to %d", errLeaseLost, l.state.Counter, state.Counter)
		}
		l.state = state
	}
}

// check is nil while the last renewal can be trusted. It asks nobody.
func (l *lease) check() error {
	if time.Now().Before(l.trusted()) {
		return nil
	}
	return fmt.Errorf("%w: could not be renewed in time", errLeaseLost)
}

func (l *lease) trusted() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until
}

// keep renews until ctx ends, and ends it when the lease is lost.
func (l *lease) keep(ctx context.Context, every time.Duration, end context.CancelCauseFunc) {
	wait := every
	for {
		sleep(ctx, wait)
		if ctx.Err() != nil {
			return
		}
		attempt, cancel := context.WithDeadline(ctx, l.trusted())
		err := l.renew(attempt)
		cancel()
		switch {
		case err == nil:
			wait = every
			continue
		case errors.Is(err, errLeaseLost):
			end(err)
			return
		}
		if err := l.check(); err != nil {
			end(err)
			return
		}
		wait = every / 4
	}
}

// release lets a standby take over without waiting. Failing to is harmless.
func (l *lease) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	return l.swap(ctx, func() string { return "" })
}
