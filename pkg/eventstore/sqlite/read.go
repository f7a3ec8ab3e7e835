package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/internal/unitcheck"
)

// ErrReadOnly is returned by methods that write, of a Store that was opened
// with OpenReadOnly.
var ErrReadOnly = errors.New("database was opened for reading")

// errStop ends each early, without an error.
var errStop = errors.New("stop")

// each runs one of the store's own reads and calls row for every result. One
// statement is one snapshot.
func (s *Store) each(ctx context.Context, row func(*sql.Rows) error, query string, args ...any) (err error) {
	stmt, err := s.stmt(ctx, query)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := row(rows); errors.Is(err, errStop) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return rows.Err()
}

// stmt prepares each query once; there are about twenty.
func (s *Store) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if s.closed.Load() {
		return nil, ErrClosed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if st, ok := s.stmts[query]; ok {
		return st, nil
	}
	st, err := s.readers.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s.stmts[query] = st
	return st, nil
}

// Stream returns the row of a stream, at version 0 if there is none.
func (s *Store) Stream(ctx context.Context, id eventstore.StreamID) (eventstore.Stream, error) {
	st := eventstore.Stream{ID: id}
	err := s.each(ctx, func(r *sql.Rows) error {
		return r.Scan(&st.Version, &st.Published, &st.State, &st.Observed)
	}, `SELECT version, published, state, observed FROM streams WHERE kind = $1 AND id = $2`, id.Kind, id.ID)
	if err != nil {
		return eventstore.Stream{}, fmt.Errorf("read %s: %w", id, err)
	}
	return st, nil
}

// History returns events of a stream with versions above after.
func (s *Store) History(ctx context.Context, id eventstore.StreamID, after int64, limit int) ([]eventstore.Event, error) {
	var events []eventstore.Event
	err := s.each(ctx, func(r *sql.Rows) error {
		e := eventstore.Event{Stream: id}
		err := r.Scan(&e.Version, &e.Type, &e.Schema, &e.Data,
			&e.Meta.At, &e.Meta.Correlation, &e.Meta.Causation, &e.Meta.Traceparent, &e.Published)
		events = append(events, e)
		return err
	}, `SELECT version, type, schema, data, at, correlation, causation, traceparent, published FROM events
		WHERE kind = $1 AND id = $2 AND version > $3 ORDER BY version LIMIT $4`, id.Kind, id.ID, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read the history of %s after %d: %w", id, after, err)
	}
	return events, nil
}

// Streams returns rows of a kind with ids above after.
func (s *Store) Streams(ctx context.Context, kind, after string, limit int) ([]eventstore.Stream, error) {
	var streams []eventstore.Stream
	err := s.each(ctx, func(r *sql.Rows) error {
		st := eventstore.Stream{ID: eventstore.StreamID{Kind: kind}}
		err := r.Scan(&st.ID.ID, &st.Version, &st.Published, &st.State, &st.Observed)
		streams = append(streams, st)
		return err
	}, `SELECT id, version, published, state, observed FROM streams
		WHERE kind = $1 AND id > $2 ORDER BY id LIMIT $3`, kind, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read streams of kind %s after %q: %w", kind, after, err)
	}
	return streams, nil
}

// Position returns the inbox position of a partition.
func (s *Store) Position(ctx context.Context, topic string, partition int32) (p eventstore.Position, ok bool, err error) {
	err = s.each(ctx, func(r *sql.Rows) error {
		ok = true
		p = eventstore.Position{Topic: topic, Partition: partition}
		return r.Scan(&p.TopicID, &p.Next)
	}, `SELECT topic_id, next FROM positions WHERE topic = $1 AND partition_id = $2`, topic, partition)
	if err != nil {
		return eventstore.Position{}, false, fmt.Errorf("read position %s/%d: %w", topic, partition, err)
	}
	return p, ok, nil
}

// Positions returns all inbox positions.
func (s *Store) Positions(ctx context.Context) ([]eventstore.Position, error) {
	var all []eventstore.Position
	err := s.each(ctx, func(r *sql.Rows) error {
		var p eventstore.Position
		err := r.Scan(&p.Topic, &p.Partition, &p.TopicID, &p.Next)
		all = append(all, p)
		return err
	}, `SELECT topic, partition_id, topic_id, next FROM positions ORDER BY topic, partition_id`)
	if err != nil {
		return nil, fmt.Errorf("read positions: %w", err)
	}
	return all, nil
}

const parkedSQL = `SELECT topic, key, partition_id, record_offset, reason, at, headers, value FROM parked
	WHERE (topic, key) > ($1, $2) ORDER BY topic, key LIMIT $3`

// Parked returns parked records, by topic and key.
func (s *Store) Parked(ctx context.Context, after eventstore.ParkedKey, limit int) ([]eventstore.Parked, error) {
	var all []eventstore.Parked
	err := s.each(ctx, func(r *sql.Rows) error {
		var p eventstore.Parked
		var headers string
		var value any // keeps a tombstone apart from an empty value
		err := r.Scan(&p.Topic, &p.Key, &p.Partition, &p.Offset, &p.Reason, &p.At, &headers, &value)
		if err != nil {
			return err
		}
		p.Value = blob(value)
		p.Headers, err = decodeHeaders(headers)
		all = append(all, p)
		return err
	}, parkedSQL, after.Topic, after.Key, limit)
	if err != nil {
		return nil, fmt.Errorf("read parked records after %s %s: %w", after.Topic, after.Key, err)
	}
	return all, nil
}

// Query runs a read-model query.
func (s *Store) Query(ctx context.Context, query string, args []any, scan func(eventstore.Row) error) (err error) {
	if s.closed.Load() {
		return ErrClosed
	}
	if err := unitcheck.Args(args); err != nil {
		return fmt.Errorf("query %q: %w", query, err)
	}
	rows, err := s.readers.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("query %q: %w", query, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

const expireSQL = `DELETE FROM answers WHERE key IN
	(SELECT key FROM answers WHERE expires_at < ? ORDER BY expires_at LIMIT ?)`

// ExpireAnswers forgets answers that expired before now.
func (s *Store) ExpireAnswers(ctx context.Context, now int64, limit int) (int, error) {
	if s.writer == nil {
		return 0, ErrReadOnly
	}
	var forgotten int64
	err := s.writer.do(ctx, func(c *conn, _ *group) (err error) {
		forgotten, err = c.exec(expireSQL, now, int64(limit))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("expire answers: %w", err)
	}
	return int(forgotten), nil
}

// Ready returns nil when the database answers and its schema fits.
func (s *Store) Ready(ctx context.Context) error {
	if s.closed.Load() {
		return ErrClosed
	}
	if err := check(ctx, s.readers, s.schemas); err != nil {
		return fmt.Errorf("database %s: %w", s.path, err)
	}
	return nil
}
