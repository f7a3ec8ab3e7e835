package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/internal/headertext"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/internal/unitcheck"
)

// Stream returns the row of a stream, at version 0 if there is none.
func (s *Store) Stream(ctx context.Context, id eventstore.StreamID) (eventstore.Stream, error) {
	st := eventstore.Stream{ID: id}
	if checkName(id) != nil {
		return st, nil // cannot have been written
	}
	err := s.each(ctx, func(r pgx.Rows) error {
		return r.Scan(&st.Version, &st.Published, &st.State, &st.Observed)
	}, `SELECT version, published, state, observed FROM streams WHERE kind = $1 AND id = $2`, id.Kind, id.ID)
	if err != nil {
		return eventstore.Stream{}, fmt.Errorf("read %s: %w", id, err)
	}
	return st, nil
}

// History returns events of a stream with versions above after.
func (s *Store) History(ctx context.Context, id eventstore.StreamID, after int64, limit int) ([]eventstore.Event, error) {
	if checkName(id) != nil {
		return nil, nil
	}
	var events []eventstore.Event
	err := s.each(ctx, func(r pgx.Rows) error {
		e := eventstore.Event{Stream: id}
		err := r.Scan(&e.Version, &e.Type, &e.Schema, &e.Data,
			&e.Meta.At, &e.Meta.Correlation, &e.Meta.Causation, &e.Meta.Traceparent, &e.Published)
		events = append(events, e)
		return err
	}, `SELECT version, type, schema, data, at, correlation, causation, traceparent, published <> 0 FROM events
		WHERE kind = $1 AND id = $2 AND version > $3 ORDER BY version LIMIT $4`, id.Kind, id.ID, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read the history of %s after %d: %w", id, after, err)
	}
	return events, nil
}

// Streams returns rows of a kind with ids above after.
func (s *Store) Streams(ctx context.Context, kind, after string, limit int) ([]eventstore.Stream, error) {
	var streams []eventstore.Stream
	err := s.each(ctx, func(r pgx.Rows) error {
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
	err = s.each(ctx, func(r pgx.Rows) error {
		ok = true
		p = eventstore.Position{Topic: topic, Partition: partition}
		return r.Scan(&p.TopicID, &p.Next)
	}, `SELECT topic_id, next FROM positions WHERE topic = $1 AND partition_id = $2`, topic, int64(partition))
	if err != nil {
		return eventstore.Position{}, false, fmt.Errorf("read position %s/%d: %w", topic, partition, err)
	}
	return p, ok, nil
}

// Positions returns all inbox positions.
func (s *Store) Positions(ctx context.Context) ([]eventstore.Position, error) {
	var all []eventstore.Position
	err := s.each(ctx, func(r pgx.Rows) error {
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
	err := s.each(ctx, func(r pgx.Rows) error {
		var p eventstore.Parked
		var key, headers []byte
		err := r.Scan(&p.Topic, &key, &p.Partition, &p.Offset, &p.Reason, &p.At, &headers, &p.Value)
		if err != nil {
			return err
		}
		p.Key = string(key)
		p.Headers, err = headertext.Decode(string(headers))
		all = append(all, p)
		return err
	}, parkedSQL, after.Topic, []byte(after.Key), limit)
	if err != nil {
		return nil, fmt.Errorf("read parked records after %s %s: %w", after.Topic, after.Key, err)
	}
	return all, nil
}

// querySession makes a read-model query be planned for its own arguments, with
// all that the planner knows.
const querySession = `SELECT set_config('enable_seqscan', 'on', true), set_config('enable_hashjoin', 'on', true),
	set_config('enable_mergejoin', 'on', true), set_config('plan_cache_mode', 'force_custom_plan', true)`

// Query runs a read-model query, which cannot write.
func (s *Store) Query(ctx context.Context, query string, args []any, scan func(eventstore.Row) error) error {
	if err := unitcheck.Args(args); err != nil {
		return fmt.Errorf("query %q: %w", query, err)
	}
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	conn, err := s.reads.Acquire(ctx)
	if err != nil {
		return failure(ctx, err)
	}
	defer func() { rollback(conn); conn.Release() }()
	b := new(pgx.Batch)
	b.Queue(`BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY`)
	b.Queue(querySession)
	var stopped error
	b.Queue(query, args...).Query(func(rows pgx.Rows) error {
		defer rows.Close()
		for rows.Next() {
			if stopped = scan(rows); stopped != nil {
				return nil
			}
		}
		return rows.Err()
	})
	b.Queue(commitSQL)
	err = failure(ctx, conn.SendBatch(ctx, b).Close())
	if stopped != nil {
		return stopped
	}
	if err != nil {
		return fmt.Errorf("query %q: %w", query, err)
	}
	return nil
}

const expireSQL = `WITH expired AS MATERIALIZED
		(SELECT key FROM answers WHERE expires_at < $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)
	DELETE FROM answers USING expired WHERE answers.key = expired.key`

// ExpireAnswers forgets answers that expired before now.
func (s *Store) ExpireAnswers(ctx context.Context, now int64, limit int) (int, error) {
	n, err := s.exec(ctx, expireSQL, now, limit)
	if err != nil {
		return 0, fmt.Errorf("expire answers: %w", err)
	}
	return int(n), nil
}

// Ready returns nil when the database answers and its schema fits.
func (s *Store) Ready(ctx context.Context) error {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if err := s.check(ctx); err != nil {
		return fmt.Errorf("database: %w", failure(ctx, err))
	}
	return nil
}
