package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// A deletion removes the rows of a committed batch while the next is written.
type deletion struct {
	names []eventstore.RowID
	bytes int                           // size of the rows' records
	last  int64                         // highest sequence
	rows  map[eventstore.RowID]struct{} // the names, once one was looked up

	cancel context.CancelFunc
	done   chan struct{}
	err    error     // after done
	asked  time.Time // when the call that succeeded began, after done
}

// holds tells whether a row is among those to be deleted.
func (d *deletion) holds(row *eventstore.OutboxRow) bool {
	if d == nil || row.Seq > d.last {
		return false // as all of them while a backlog is worked off
	}
	if d.rows == nil {
		d.rows = make(map[eventstore.RowID]struct{}, len(d.names))
		for _, name := range d.names {
			d.rows[name] = struct{}{}
		}
	}
	_, ok := d.rows[row.RowID]
	return ok
}

// delete starts the deletion of a batch. It ends when the rows are durably gone,
// another relay turns out to have gone on, or ctx ends.
func (s *session) delete(ctx context.Context, b batch, next eventstore.RelayState) {
	ctx, cancel := context.WithCancel(ctx)
	d := &deletion{names: b.names, bytes: b.bytes, last: b.last, cancel: cancel, done: make(chan struct{})}
	s.undeleted = d
	go func() {
		defer close(d.done)
		d.err = s.store(ctx, next, func() error {
			d.asked = time.Now()
			if store, ok := s.deps.Store.(SpanPublisher); ok {
				return store.PublishedSpan(ctx, s.cfg.Relay, b.names, b.first, b.last, next)
			}
			return s.deps.Store.Published(ctx, s.cfg.Relay, b.names, next)
		})
	}()
}

// forget deletes rows that are found by their names alone.
func (s *session) forget(ctx context.Context, rows []eventstore.RowID, next eventstore.RelayState) error {
	return s.store(ctx, next, func() error { return s.deps.Store.Published(ctx, s.cfg.Relay, rows, next) })
}

// store runs a deletion, which stores the state that goes with it, however often
// it takes.
func (s *session) store(ctx context.Context, next eventstore.RelayState, published func() error) error {
	_, err := retry(ctx, s.Relay, "delete published rows", func() (struct{}, error) {
		err := published()
		if !errors.Is(err, eventstore.ErrConflict) {
			return struct{}{}, err
		}
		return struct{}{}, s.applied(ctx, next)
	})
	return err
}

// applied tells whether the state was stored already: by a call of ours whose
// answer was lost, or by another relay that found the same position record.
// Either way the rows are gone. The conflict alone does not show it: it can be
// with a transaction that nobody sees yet, and then neither would the next scan.
func (s *session) applied(ctx context.Context, next eventstore.RelayState) error {
	state, err := s.deps.Store.RelayState(ctx, s.cfg.Relay)
	switch {
	case err != nil:
		return err
	case state.Batch == next.Batch && state.StoreEpoch == next.StoreEpoch:
		return nil
	}
	return backoff.Permanent(fmt.Errorf("store batch %d: database is at %d: %w", next.Batch, state.Batch, errMoved))
}

// settled waits until nothing is undeleted.
func (s *session) settled(ctx context.Context) error {
	d := s.undeleted
	if d == nil {
		return nil
	}
	select {
	case <-d.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	d.cancel()
	if d.err == nil {
		s.undeleted, s.stood = nil, d.asked
	}
	return d.err
}

// settledBy takes note of a deletion that is done. It does not wait.
func (s *session) settledBy(ctx context.Context) error {
	if s.undeleted == nil {
		return nil
	}
	select {
	case <-s.undeleted.done:
		return s.settled(ctx)
	default:
		return nil
	}
}

// abandon ends what the session has under way. Whether a deletion took place is
// for the next recovery to see.
func (s *session) abandon() {
	if a := s.ahead; a != nil {
		a.end()
		<-a.done
	}
	if d := s.undeleted; d != nil {
		d.cancel()
		<-d.done
	}
}
