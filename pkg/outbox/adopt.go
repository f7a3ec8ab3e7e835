package outbox

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"
)

// Adopt goes on from a contradiction between the database and the log that a
// person has looked at: it makes the log accept the database as it is now, by a
// position record of the database's next batch that names no rows. Where the
// two agree it changes nothing.
//
// What the database lost stays in the log, and what it holds instead has
// versions that readers have seen already. So give the database a new epoch
// before, and publish the latest state of every key again afterwards.
//
// Adopt waits for the lease like Run. It returns an error when ctx ends before
// it is done; then it can be repeated.
func (r *Relay) Adopt(ctx context.Context) error { return r.AdoptAfter(ctx, nil) }

// AdoptAfter is Adopt which first runs prepare, under the lease and when nobody
// can write to the log any more: there the database can be given what the log has.
// An error of prepare ends it and is returned as it is. When the lease is lost,
// prepare is cancelled and may be run again: it must be repeatable.
func (r *Relay) AdoptAfter(ctx context.Context, prepare func(context.Context) error) error {
	if !r.running.CompareAndSwap(false, true) {
		return fmt.Errorf("relay %s: is running already", r.cfg.Relay)
	}
	defer r.running.Store(false)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for {
		held, ok := r.standby(ctx)
		if !ok {
			return fmt.Errorf("relay %s: adopt: %w", r.cfg.Relay, context.Cause(ctx))
		}
		adopted := false
		var unprepared error
		err := r.lead(ctx, held, func(s *session, leading context.Context, _ <-chan struct{}) error {
			if unprepared = s.prepare(leading, prepare); unprepared != nil {
				if leading.Err() == nil {
					stop() // or it would be tried again
				}
				return unprepared
			}
			err := s.adopt(leading)
			adopted = err == nil
			return err
		})
		if adopted {
			return nil
		}
		if unprepared != nil && !errors.Is(err, errLeaseLost) {
			return unprepared
		}
		if ctx.Err() != nil {
			return fmt.Errorf("relay %s: adopt: %w", r.cfg.Relay, errors.Join(context.Cause(ctx), err))
		}
	}
}

// prepare runs what the caller wants done first, after everybody else was fenced.
func (s *session) prepare(ctx context.Context, prepare func(context.Context) error) error {
	if prepare == nil {
		return nil
	}
	fencing, cancel := context.WithTimeout(ctx, recoverTimeout)
	err := s.init(fencing)
	cancel()
	if err != nil {
		return err
	}
	return prepare(ctx)
}

func (s *session) adopt(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, recoverTimeout)
	defer cancel()
	if err := s.init(ctx); err != nil {
		return err
	}
	last, err := s.read(ctx)
	if err == nil {
		err = s.agree(last)
	}
	if err == nil || !errors.Is(err, ErrInconsistent) {
		return err
	}
	s.log.Warn("adopting the database as it is", zap.Error(err))
	state, err := s.deps.Store.RelayState(ctx, s.cfg.Relay)
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	state.PositionTopicID, err = s.deps.Log.TopicID(ctx, s.cfg.PositionsTopic)
	if err != nil {
		return fmt.Errorf("read id of topic %s: %w", s.cfg.PositionsTopic, err)
	}
	state.PositionOffset = 0
	s.state = state
	return s.mark(ctx)
}

// mark publishes a batch without rows.
func (s *session) mark(ctx context.Context) error {
	txn, offset, err := s.write(ctx, batch{})
	if err != nil {
		return err
	}
	if err := s.lease.check(); err != nil {
		return err
	}
	if err := txn.Commit(ctx); err != nil {
		return fmt.Errorf("commit batch %d: %w", s.state.Batch+1, err)
	}
	next := s.state
	next.Batch, next.PositionOffset = next.Batch+1, offset
	return s.forget(ctx, nil, next)
}
