package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/internal/headertext"
)

// pendingSQL ends at the row that reaches the bytes asked for, so that the
// server does not send what would be thrown away.
const pendingSQL = `SELECT seq, kind, id, version, topic, key, headers, value FROM (
		SELECT *, sum(size) OVER (ORDER BY seq) - size AS before FROM (
			SELECT *, octet_length(key) + octet_length(headers) + coalesce(octet_length(value), 0) AS size
			FROM outbox WHERE seq > $1 ORDER BY seq LIMIT $2) AS few) AS summed
	WHERE before < $3 ORDER BY seq`

// Pending returns rows that wait, by Seq.
func (s *Store) Pending(ctx context.Context, after int64, limit, maxBytes int) ([]eventstore.OutboxRow, error) {
	var rows []eventstore.OutboxRow
	size, full := 0, false
	err := s.each(ctx, func(r pgx.Rows) error {
		if full {
			return nil
		}
		var row eventstore.OutboxRow
		var headers string
		err := r.Scan(&row.Seq, &row.Stream.Kind, &row.Stream.ID, &row.Version,
			&row.Record.Topic, &row.Record.Key, &headers, &row.Record.Value)
		if err != nil {
			return err
		}
		if row.Record.Headers, err = headertext.Decode(headers); err != nil {
			return fmt.Errorf("%s at %d: %w", row.Stream, row.Version, err)
		}
		rows = append(rows, row)
		size += row.Record.Size()
		full = size >= maxBytes
		return nil
	}, pendingSQL, after, limit, maxBytes)
	if err != nil {
		return nil, fmt.Errorf("read the outbox after %d: %w", after, err)
	}
	return rows, nil
}

// publishedSQL deletes only if it moved the relay's state on by one batch. Two
// callers wait for each other on the relay's row.
const publishedSQL = `WITH moved AS (
		INSERT INTO relays (name, batch, position_topic, position_offset)
		SELECT $1::text, $2::bigint, $3, $4
		WHERE ($2::bigint = 1 OR EXISTS (SELECT FROM relays WHERE name = $1))
			AND ($5::text = '' OR EXISTS (SELECT FROM meta WHERE name = 'store_epoch' AND value = $5))
		ON CONFLICT (name) DO UPDATE SET batch = excluded.batch,
			position_topic = excluded.position_topic, position_offset = excluded.position_offset
		WHERE relays.batch = excluded.batch - 1
		RETURNING 1
	), gone AS (
		DELETE FROM outbox USING unnest($6::text[], $7::text[], $8::bigint[]) AS u (k, i, v)
		WHERE kind = u.k AND outbox.id = u.i AND version = u.v AND EXISTS (SELECT FROM moved)
	)
	SELECT count(*) FROM moved`

// Published deletes rows that are in the log.
func (s *Store) Published(ctx context.Context, relay string, rows []eventstore.RowID, state eventstore.RelayState) error {
	rows = slices.Clone(rows) // in the order of the index that finds them
	slices.SortFunc(rows, func(a, b eventstore.RowID) int { return a.Stream.Compare(b.Stream) })
	kinds, ids, versions := make([]string, len(rows)), make([]string, len(rows)), make([]int64, len(rows))
	for i, r := range rows {
		kinds[i], ids[i], versions[i] = r.Stream.Kind, r.Stream.ID, r.Version
	}
	moved := 0
	err := s.each(ctx, func(r pgx.Rows) error { return r.Scan(&moved) }, publishedSQL,
		relay, state.Batch, state.PositionTopicID, state.PositionOffset, state.StoreEpoch, kinds, ids, versions)
	if err == nil && moved == 0 {
		err = s.batchConflict(ctx, relay, state)
	}
	if err != nil {
		return fmt.Errorf("relay %s: end batch %d: %w", relay, state.Batch, lostOrder("relay "+relay, err))
	}
	return nil
}

// batchConflict looks why the relay's state did not move.
func (s *Store) batchConflict(ctx context.Context, relay string, state eventstore.RelayState) error {
	stored, err := s.RelayState(ctx, relay)
	conflict := &eventstore.ConflictError{What: "batch of relay " + relay, Expected: state.Batch - 1, Actual: stored.Batch}
	if err != nil {
		conflict.Actual = -1
		return errors.Join(conflict, err)
	}
	if state.StoreEpoch != "" && state.StoreEpoch != stored.StoreEpoch {
		conflict.What += fmt.Sprintf(": store epoch %s, which is %s", state.StoreEpoch, stored.StoreEpoch)
	}
	return conflict
}

// RelayState returns how far a relay has come.
func (s *Store) RelayState(ctx context.Context, relay string) (state eventstore.RelayState, err error) {
	err = s.each(ctx, func(r pgx.Rows) error {
		return r.Scan(&state.StoreEpoch, &state.Batch, &state.PositionTopicID, &state.PositionOffset)
	}, `SELECT value, coalesce(batch, 0), coalesce(position_topic, ''), coalesce(position_offset, 0)
		FROM meta LEFT JOIN relays ON relays.name = $1 WHERE meta.name = 'store_epoch'`, relay)
	if err != nil {
		return eventstore.RelayState{}, fmt.Errorf("read relay %s: %w", relay, err)
	}
	return state, nil
}

// RenewEpoch gives the database a new identity. See eventstore.EpochRenewer.
func (s *Store) RenewEpoch(ctx context.Context) (string, error) {
	epoch := rand.Text()
	n, err := s.exec(ctx, `UPDATE meta SET value = $1 WHERE name = 'store_epoch'`, epoch)
	if err == nil && n == 0 {
		err = fmt.Errorf("%w: there is none", eventstore.ErrSchemaMismatch)
	}
	if err != nil {
		return "", fmt.Errorf("renew the store epoch: %w", err)
	}
	return epoch, nil
}

// Backlog returns how many rows wait and since when.
func (s *Store) Backlog(ctx context.Context) (rows, oldest int64, err error) {
	err = s.each(ctx, func(r pgx.Rows) error { return r.Scan(&rows, &oldest) },
		`SELECT (SELECT count(*) FROM outbox), coalesce((SELECT at FROM outbox ORDER BY seq LIMIT 1), 0)`)
	if err != nil {
		return 0, 0, fmt.Errorf("count the outbox: %w", err)
	}
	return rows, oldest, nil
}

// Committed receives a value soon after a commit added rows, of this process or
// of another.
func (s *Store) Committed() <-chan struct{} { return s.wake.rows }

// IntentsChanged receives a value soon after a commit added intents, of this
// process or of another.
func (s *Store) IntentsChanged() <-chan struct{} { return s.wake.intents }

func (s *Store) signal(rows, intents bool) {
	var what strings.Builder
	if rows {
		what.WriteByte(newRows)
	}
	if intents {
		what.WriteByte(newIntents)
	}
	s.wake.signal(what.String())
}
