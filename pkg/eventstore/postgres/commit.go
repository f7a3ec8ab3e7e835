package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/internal/unitcheck"
)

// commit writes the unit and COMMIT in one round trip: what the server refuses
// keeps it from reaching the COMMIT.
func (t *tx) commit(ctx context.Context, u eventstore.Unit) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := unitcheck.Check(u, t.heads); err != nil {
		return err
	}
	if unitcheck.Empty(u) {
		return nil // what was read is durable, and stubs need not stay
	}
	ctx, stop := t.store.bound(ctx)
	defer stop()
	if err := t.acquire(ctx); err != nil {
		return err
	}
	w := unitWriter{unit: u, heads: t.heads, stubs: t.stubs, at: t.store.now().UnixMicro()}
	t.begin(&w.batch)
	w.labels = make([]label, w.batch.Len(), 16)
	w.write()
	w.queue(label{what: "commit"}, commitSQL)

	failed, err := t.run(ctx, &w)
	if err == nil {
		t.store.signal(w.addedRows, len(u.Intents) > 0)
		return nil
	}
	if sentCommit(t.conn.Conn(), err) {
		return fmt.Errorf("%w: %w", eventstore.ErrOutcomeUnknown, failure(ctx, err))
	}
	err = failure(ctx, err)
	t.finish() // so that what moved can be looked at by others' connections
	return t.store.explain(ctx, failed, err)
}

// run sends the batch and returns what failed first.
func (t *tx) run(ctx context.Context, w *unitWriter) (failed label, err error) {
	raw := t.conn.Conn()
	delete(raw.PgConn().CustomData(), warned)
	results := t.conn.SendBatch(ctx, &w.batch)
	var tag pgconn.CommandTag
	for _, failed = range w.labels {
		if tag, err = results.Exec(); err != nil {
			break
		}
	}
	closed := results.Close()
	switch {
	case err != nil:
		var refused pgx.ErrPreprocessingBatch
		if errors.As(err, &refused) {
			failed = label{what: "prepare"} // no statement was reached
		}
		return failed, err
	case ctx.Err() != nil && raw.PgConn().CustomData()[warned] != nil:
		return failed, fmt.Errorf("%w: cancelled while it waited for a standby", eventstore.ErrOutcomeUnknown)
	case tag.String() == commitSQL:
		return label{}, nil // whatever became of the connection afterwards
	case closed != nil:
		return failed, closed
	case raw.IsClosed():
		return failed, errors.New("connection was lost")
	default:
		return failed, fmt.Errorf("the server answered %q to COMMIT", tag)
	}
}

// explain tells conflicts from other errors.
func (s *Store) explain(ctx context.Context, failed label, err error) error {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return fmt.Errorf("%s: %w", failed, err)
	}
	switch {
	case e.Code == checkViolation && e.ConstraintName == "positions_compare_and_set" && failed.move != nil:
		return s.moveConflict(ctx, *failed.move)
	case e.Code == uniqueViolation && failed.own:
		return &eventstore.ConflictError{What: failed.String(), Expected: failed.expected, Actual: -1}
	}
	return fmt.Errorf("%s: %w", failed, lostOrder("unit of work", err))
}

// moveConflict looks where the position is now.
func (s *Store) moveConflict(ctx context.Context, m eventstore.Move) error {
	conflict := &eventstore.ConflictError{
		What: fmt.Sprintf("position %s/%d", m.Topic, m.Partition), Expected: m.From, Actual: -1,
	}
	p, _, err := s.Position(ctx, m.Topic, m.Partition)
	if err != nil {
		return errors.Join(conflict, err)
	}
	conflict.Actual = p.Next
	if p.TopicID != m.TopicID {
		conflict.What += fmt.Sprintf(" of topic id %s, which was %s", m.TopicID, p.TopicID)
	}
	return conflict
}
