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
		select {
		case <-stop:
			return s.settled(ctx)
		default:
		}
		b, err := s.scan(ctx)
		switch {
		case err != nil:
		case len(b.names) == 0:
			err = s.idle(ctx, stop)
		default:
			err = s.send(ctx, b)
		}
		if err != nil {
			return err
		}
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

// A batch is what one transaction publishes.
type batch struct {
	names   []eventstore.RowID
	records []eventstore.Record
	bytes   int
	last    int64 // highest sequence
	mark    int64 // low mark after this batch
}

// scan reads the rows that wait, but for those which are published and not
// deleted yet.
//
// Sequences may become visible late: a row can appear below one that was
// published. So scans start at the beginning, or where the store says that
// nothing can appear any more. All rows of a stream are seen in order either
// way: a version is written after the one before was committed.
func (s *session) scan(ctx context.Context) (batch, error) {
	safe, err := s.safeMark(ctx)
	if err != nil {
		return batch{}, err
	}
	limit, bytes := s.cfg.BatchRows, s.cfg.BatchBytes
	if d := s.undeleted; d != nil && d.last > s.after {
		limit, bytes = limit+len(d.rows), bytes+d.bytes
	}
	rows, err := retry(ctx, s.Relay, "read the outbox", func() ([]eventstore.OutboxRow, error) {
		return s.deps.Store.Pending(ctx, s.after, limit, bytes)
	})
	if err != nil {
		return batch{}, err
	}
	b := s.assemble(rows)
	b.mark = max(s.after, min(safe, b.last))
	return b, nil
}

func (s *session) safeMark(ctx context.Context) (int64, error) {
	marker, ok := s.deps.Store.(SafeMarker)
	if !ok {
		return 0, nil
	}
	if time.Since(s.full) >= rescanEvery {
		s.after, s.full = 0, time.Now()
	}
	return retry(ctx, s.Relay, "read the safe mark", func() (int64, error) { return marker.SafeMark(ctx) })
}

// assemble takes rows in the order of their sequences, up to the bounds.
func (s *session) assemble(rows []eventstore.OutboxRow) batch {
	b := batch{names: make([]eventstore.RowID, 0, len(rows)), records: make([]eventstore.Record, 0, len(rows))}
	named := 0
	for i := range rows {
		row := &rows[i]
		if s.undeleted != nil {
			if _, ok := s.undeleted.rows[row.RowID]; ok {
				continue
			}
		}
		const version = 10 // bytes of a long, at most
		name, size := len(row.Stream.Kind)+len(row.Stream.ID)+version, row.Record.Size()
		full := len(b.names) >= s.cfg.BatchRows || b.bytes+size > s.cfg.BatchBytes || named+name > maxNameBytes
		if full && len(b.names) > 0 {
			break
		}
		b.names, b.records = append(b.names, row.RowID), append(b.records, row.Record)
		b.bytes, named, b.last = b.bytes+size, named+name, row.Seq
	}
	return b
}

// send publishes one batch.
func (s *session) send(ctx context.Context, b batch) error {
	begun := time.Now()
	work, cancel := context.WithTimeout(ctx, batchTimeout)
	defer cancel()
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
	if err := s.unmoved(work); err != nil {
		return err
	}
	if err := s.lease.check(); err != nil {
		return err
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
	s.metrics.seconds.Observe(time.Since(begun).Seconds())
	s.reached(s.state.Batch, time.Now())
	return nil
}

// unmoved tells whether the database still is where this session left it.
func (s *session) unmoved(ctx context.Context) error {
	state, err := s.deps.Store.RelayState(ctx, s.cfg.Relay)
	if err != nil {
		return fmt.Errorf("read state before batch %d: %w", s.state.Batch+1, err)
	}
	if state.Batch != s.state.Batch || state.StoreEpoch != s.state.StoreEpoch {
		return fmt.Errorf("before batch %d: database is at batch %d: %w", s.state.Batch+1, state.Batch, errMoved)
	}
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
