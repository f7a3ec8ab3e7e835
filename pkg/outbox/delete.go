package outbox

import (
	"context"
	"errors"
	"fmt"

	"github.com/cenkalti/backoff/v5"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// A deletion removes the rows of a committed batch while the next is written.
type deletion struct {
	rows  map[eventstore.RowID]struct{}
	bytes int   // size of the rows' records
	last  int64 // highest sequence

	cancel context.CancelFunc
	done   chan struct{}
	err    error // after done
}

// delete starts the deletion of a batch. It ends when the rows are durably gone,
// another relay turns out to have gone on, or ctx ends.
func (s *session) delete(ctx context.Context, b batch, next eventstore.RelayState) {
	ctx, cancel := context.WithCancel(ctx)
	d := &deletion{
		rows: make(map[eventstore.RowID]struct{}, len(b.names)), bytes: b.bytes, last: b.last,
		cancel: cancel, done: make(chan struct{}),
	}
	for _, name := range b.names {
		d.rows[name] = struct{}{}
	}
	s.undeleted = d
	go func() {
		defer close(d.done)
		d.err = s.store(ctx, b.names, next)
	}()
}

// store deletes rows and stores the state that goes with it, however often it
// takes.
func (s *session) store(ctx context.Context, rows []eventstore.RowID, next eventstore.RelayState) error {
	_, err := retry(ctx, s.Relay, "delete published rows", func() (struct{}, error) {
		err := s.deps.Store.Published(ctx, s.cfg.Relay, rows, next)
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
		s.undeleted = nil
	}
	return d.err
}

// abandon ends the session's deletion, if one is still under way. Whether it
// took place is for the next recovery to see.
func (s *session) abandon() {
	if d := s.undeleted; d != nil {
		d.cancel()
		<-d.done
	}
}
