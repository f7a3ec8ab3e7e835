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
		SELECT *, sum(size) OVER (ORDER BY seq ROWS UNBOUNDED PRECEDING) - size AS before FROM (
			SELECT *, octet_length(key) + octet_length(headers) + coalesce(octet_length(value), 0) AS size
			FROM outbox WHERE seq > $1 ORDER BY seq LIMIT $2) AS few) AS summed
	WHERE before < $3 ORDER BY seq`

// Pending returns rows that wait, by Seq.
func (s *Store) Pending(ctx context.Context, after int64, limit, maxBytes int) ([]eventstore.OutboxRow, error) {
	var rows []eventstore.OutboxRow
	var c outboxColumns
	size, full := 0, false
	err := s.each(ctx, func(r pgx.Rows) error {
		if full {
			return nil
		}
		rows = append(rows, eventstore.OutboxRow{})
		row := &rows[len(rows)-1]
		if err := r.Scan(&row.Seq, &c.kind, &c.id, &row.Version, &c.topic, &c.key, &c.headers, &row.Record.Value); err != nil {
			return err
		}
		if err := c.fill(row); err != nil {
			return err
		}
		size += row.Record.Size()
		full = size >= maxBytes
		return nil
	}, pendingSQL, after, limit, maxBytes)
	if err != nil {
		return nil, fmt.Errorf("read the outbox after %d: %w", after, err)
	}
	return rows, nil
}

// outboxColumns are the texts of a row as they arrived, and the texts that most
// rows share.
type outboxColumns struct {
	kind, id, topic, key, headers arrived
	lastKind, lastTopic           string
}

// arrived is a text in the memory of the connection, until its next row.
type arrived []byte

// ScanBytes implements pgtype.BytesScanner.
func (a *arrived) ScanBytes(v []byte) error { *a = v; return nil }

func (c *outboxColumns) fill(row *eventstore.OutboxRow) (err error) {
	if string(c.kind) != c.lastKind {
		c.lastKind = string(c.kind)
	}
	if string(c.topic) != c.lastTopic {
		c.lastTopic = string(c.topic)
	}
	row.Stream.Kind, row.Record.Topic = c.lastKind, c.lastTopic
	row.Stream.ID = string(c.id)
	row.Record.Key = row.Stream.ID
	if string(c.key) != row.Stream.ID {
		row.Record.Key = string(c.key)
	}
	if row.Record.Headers, err = headertext.Decode(string(c.headers)); err != nil {
		return fmt.Errorf("%s at %d: %w", row.Stream, row.Version, err)
	}
	return nil
}

// movedSQL moves the relay's state on by one batch, or does nothing. Two callers
// wait for each other on the relay's row.
const movedSQL = `WITH moved AS (
		INSERT INTO relays (name, batch, position_topic, position_offset)
		SELECT $1::text, $2::bigint, $3, $4
		WHERE ($2::bigint = 1 OR EXISTS (SELECT FROM relays WHERE name = $1))
			AND ($5::text = '' OR EXISTS (SELECT FROM meta WHERE name = 'store_epoch' AND value = $5))
		ON CONFLICT (name) DO UPDATE SET batch = excluded.batch,
			position_topic = excluded.position_topic, position_offset = excluded.position_offset
		WHERE relays.batch = excluded.batch - 1
		RETURNING 1
	), `

// publishedSQL deletes only if the state moved. The inner query must not be
// joined the other way round, which is what a planner does that believes the
// outbox to be as empty as it was: it would walk all of it once for each name.
const publishedSQL = movedSQL + `gone AS (
		DELETE FROM outbox WHERE EXISTS (SELECT FROM moved) AND ctid = ANY (ARRAY(
			SELECT found.ctid FROM unnest($6::text[], $7::text[], $8::bigint[]) AS u (k, i, v), LATERAL (
				SELECT ctid FROM outbox WHERE kind = u.k AND id = u.i AND version = u.v OFFSET 0) AS found))
	)
	SELECT count(*), 0 FROM moved`

// spanSQL walks the sequences, in which rows that were written together stand
// together, and keeps off those that have no name here. It fails with a division
// by zero if a name is not found, since that row may stand elsewhere.
const spanSQL = movedSQL + `gone AS (
		DELETE FROM outbox WHERE seq BETWEEN $9 AND $10 AND EXISTS (SELECT FROM moved)
			AND ((kind, id, version) IN (SELECT * FROM unnest($6::text[], $7::text[], $8::bigint[]))) IS TRUE
		RETURNING 1
	)
	SELECT m.n, CASE WHEN m.n = 1 AND g.n < cardinality($6) THEN 1 / (m.n - 1) ELSE 0 END
		FROM (SELECT count(*) AS n FROM moved) AS m, (SELECT count(*) AS n FROM gone) AS g`

// Published deletes rows that are in the log.
func (s *Store) Published(ctx context.Context, relay string, rows []eventstore.RowID, state eventstore.RelayState) error {
	rows = slices.Clone(rows) // in the order of the index that finds them
	slices.SortFunc(rows, func(a, b eventstore.RowID) int { return a.Stream.Compare(b.Stream) })
	return s.published(ctx, publishedSQL, relay, rows, state)
}

// PublishedSpan is Published for rows with sequences from first to last. It
// deletes the same rows, sooner.
func (s *Store) PublishedSpan(ctx context.Context, relay string, rows []eventstore.RowID, first, last int64, state eventstore.RelayState) error {
	err := s.published(ctx, spanSQL, relay, rows, state, first, last)
	if code(err) == divisionByZero {
		return s.Published(ctx, relay, rows, state)
	}
	return err
}

func (s *Store) published(ctx context.Context, sql, relay string, rows []eventstore.RowID, state eventstore.RelayState, span ...any) error {
	kinds, ids, versions := make([]string, len(rows)), make([]string, len(rows)), make([]int64, len(rows))
	for i, r := range rows {
		kinds[i], ids[i], versions[i] = r.Stream.Kind, r.Stream.ID, r.Version
	}
	moved := 0
	args := append([]any{relay, state.Batch, state.PositionTopicID, state.PositionOffset, state.StoreEpoch, kinds, ids, versions}, span...)
	err := s.each(ctx, func(r pgx.Rows) error { return r.Scan(&moved, nil) }, sql, args...)
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
