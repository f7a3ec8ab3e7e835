package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// publish turns what waits into transactions until stop is closed and the last
// batch is settled, or an error leaves something in doubt.
func (s *session) publish(ctx context.Context, stop <-chan struct{}) error {
	defer s.abandon()
	for {
		if s.pace(ctx, stop) {
			return s.settled(ctx)
		}
		b, err := s.scan(ctx)
		switch {
		case err != nil:
		case len(b.names) == 0:
			err = s.idle(ctx, stop)
		default:
			opened, committed := s.opened, s.committed
			if err = s.send(ctx, b); s.committed == committed {
				s.metrics.aborts.Add(float64(s.opened - opened))
			}
		}
		if err != nil {
			return err
		}
	}
}

// pace waits until the next batch is due, and tells whether stop is closed.
func (s *session) pace(ctx context.Context, stop <-chan struct{}) (stopped bool) {
	if wait := s.cfg.paceAfter(s.rows) - time.Since(s.begun); wait > 0 && !s.more {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-stop:
		case <-ctx.Done():
		}
	}
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

// idle waits for rows: for the store to call, or the poll interval to end.
func (s *session) idle(ctx context.Context, stop <-chan struct{}) error {
	var deleted chan struct{}
	if s.undeleted != nil {
		deleted = s.undeleted.done
		select {
		case <-deleted: // before all else that is ready: chance decides nothing here
			return s.settled(ctx)
		default:
		}
	}
	poll := time.NewTimer(s.cfg.PollInterval)
	defer poll.Stop()
	select {
	case <-deleted:
		return s.settled(ctx)
	case <-s.deps.Store.Committed():
	case <-poll.C:
	case <-stop:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// send publishes one batch.
func (s *session) send(ctx context.Context, b batch) error {
	begun := time.Now()
	s.begun, s.rows, s.more = begun, len(b.names), b.more
	work, cancel := context.WithTimeout(ctx, batchTimeout)
	defer cancel()
	if err := s.settledBy(work); err != nil {
		return err
	}
	unmoved := s.watch(work)
	defer unmoved.close()
	txn, offset, err := s.write(work, b)
	if err != nil {
		return err
	}
	// A position record names one batch. So this one may be committed only when
	// the rows of the one before are gone: else a crash now would leave rows
	// behind that are published and that no record names any more.
	if err := s.settledSoon(work); err != nil {
		return s.withdraw(ctx, txn, err)
	}
	// Nor may it be committed for a database that was set back after the session
	// began: rows read since then may tell other facts under versions that others
	// have seen.
	if err := unmoved.answer(work); err != nil {
		return err
	}
	if err := s.lease.check(); err != nil {
		return err
	}
	s.low.published += len(b.names)
	if b.more {
		s.lookAhead(ctx, b, s.low)
	}
	if err := txn.Commit(work); err != nil {
		return fmt.Errorf("commit batch %d: %w", s.state.Batch+1, err)
	}
	s.state.Batch++
	s.state.PositionOffset = offset
	s.after = b.mark
	s.committed++
	s.delete(ctx, b, s.state)

	s.metrics.batches.Inc()
	s.metrics.rows.Add(float64(len(b.names)))
	s.metrics.published(b.records, s.deps.Event)
	s.metrics.seconds.Observe(time.Since(begun).Seconds())
	s.reached(s.state.Batch, time.Now())
	return nil
}

// write puts the batch and its position record into an open transaction.
func (s *session) write(ctx context.Context, b batch) (Txn, int64, error) {
	number := s.state.Batch + 1
	value, err := s.deps.EncodePosition(Position{
		Relay: s.cfg.Relay, StoreEpoch: s.state.StoreEpoch, Batch: number, Rows: b.names, Digest: digest(b.names, b.records),
		At: time.Now().UnixMicro(),
	})
	if err != nil {
		return nil, 0, fmt.Errorf("encode position of batch %d: %w", number, err)
	}
	txn, err := s.deps.Log.Begin(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("begin batch %d: %w", number, err)
	}
	s.opened++
	position := eventstore.Record{Topic: s.cfg.PositionsTopic, Key: s.cfg.Relay, Value: value}
	offset, err := txn.Produce(ctx, b.records, position)
	if err != nil {
		return nil, 0, fmt.Errorf("write batch %d: %w", number, err)
	}
	if offset < s.state.PositionOffset {
		// Offsets of one topic only grow: this is another topic of that name.
		return nil, 0, fmt.Errorf("write batch %d: position at offset %d after %d: %w", number, offset, s.state.PositionOffset, errMoved)
	}
	return txn, offset, nil
}

// settledSoon waits for the deletion of the batch before, but not for long: the
// open transaction keeps readers waiting.
func (s *session) settledSoon(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.DeletionWait, errDeletionSlow)
	defer cancel()
	return s.settled(ctx)
}

var errDeletionSlow = errors.New("deletion of the batch before takes long")

// withdraw ends a transaction that waited too long for the deletion of the batch
// before. Its rows are found again by the next scan.
func (s *session) withdraw(ctx context.Context, txn Txn, cause error) error {
	if !errors.Is(cause, errDeletionSlow) {
		return cause
	}
	work, cancel := context.WithTimeout(ctx, batchTimeout)
	defer cancel()
	if err := txn.Abort(work); err != nil {
		return fmt.Errorf("withdraw batch %d: %w", s.state.Batch+1, err)
	}
	s.failed(cause)
	return s.settled(ctx)
}
