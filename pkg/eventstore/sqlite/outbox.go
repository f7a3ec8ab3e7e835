package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// Pending returns rows that wait, by Seq.
func (s *Store) Pending(ctx context.Context, after int64, limit, maxBytes int) ([]eventstore.OutboxRow, error) {
	var rows []eventstore.OutboxRow
	size := 0
	err := s.each(ctx, func(r *sql.Rows) error {
		var row eventstore.OutboxRow
		var headers string
		var value any // keeps a tombstone apart from an empty value
		err := r.Scan(&row.Seq, &row.Stream.Kind, &row.Stream.ID, &row.Version,
			&row.Record.Topic, &row.Record.Key, &headers, &value)
		if err != nil {
			return err
		}
		row.Record.Value = blob(value)
		if row.Record.Headers, err = decodeHeaders(headers); err != nil {
			return fmt.Errorf("%s at %d: %w", row.Stream, row.Version, err)
		}
		rows = append(rows, row)
		if size += row.Record.Size(); size >= maxBytes {
			return errStop
		}
		return nil
	}, `SELECT seq, kind, id, version, topic, key, headers, value FROM outbox
		WHERE seq > $1 ORDER BY seq LIMIT $2`, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read the outbox after %d: %w", after, err)
	}
	return rows, nil
}

// SafeMark returns the highest sequence handed out by a durable commit. Units are
// written one after the other, so no lower one can become visible later.
func (s *Store) SafeMark(ctx context.Context) (int64, error) {
	var mark int64
	err := s.each(ctx, func(r *sql.Rows) error { return r.Scan(&mark) }, `SELECT seq FROM sqlite_sequence WHERE name = 'outbox'`)
	if err != nil {
		return 0, fmt.Errorf("read the last sequence of the outbox: %w", err)
	}
	return mark, nil
}

var deleteOutbox = newRowset(`DELETE FROM outbox WHERE (kind, id, version) IN (VALUES `, 3, `)`)

// Published deletes rows that are in the log.
func (s *Store) Published(ctx context.Context, relay string, rows []eventstore.RowID, state eventstore.RelayState) error {
	if s.writer == nil {
		return ErrReadOnly
	}
	rows = slices.Clone(rows) // in the order of the index that finds them
	slices.SortFunc(rows, func(a, b eventstore.RowID) int { return a.Stream.Compare(b.Stream) })
	err := s.writer.do(ctx, func(c *conn, _ *group) error {
		if epoch := s.epoch.Load(); state.StoreEpoch != "" && state.StoreEpoch != epoch {
			return &eventstore.ConflictError{What: fmt.Sprintf("store epoch %s, which is %s", state.StoreEpoch, epoch), Expected: -1, Actual: -1}
		}
		if err := advance(c, relay, state); err != nil {
			return err
		}
		_, err := deleteOutbox.exec(c, len(rows), func(i int, a *arguments) {
			a.add(rows[i].Stream.Kind, rows[i].Stream.ID, rows[i].Version)
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("relay %s: end batch %d: %w", relay, state.Batch, err)
	}
	return nil
}

// advance moves the relay's state on by one batch.
func advance(c *conn, relay string, state eventstore.RelayState) error {
	stored := int64(0)
	err := c.query(`SELECT batch FROM relays WHERE name = ?`, func(v []driver.Value) { stored = integer(v[0]) }, relay)
	if err != nil {
		return err
	}
	if stored != state.Batch-1 {
		return &eventstore.ConflictError{What: "batch of relay " + relay, Expected: state.Batch - 1, Actual: stored}
	}
	_, err = c.exec(`REPLACE INTO relays (name, batch, position_topic, position_offset) VALUES (?, ?, ?, ?)`,
		relay, state.Batch, state.PositionTopicID, state.PositionOffset)
	return err
}

// RelayState returns how far a relay has come.
func (s *Store) RelayState(ctx context.Context, relay string) (eventstore.RelayState, error) {
	state := eventstore.RelayState{StoreEpoch: s.epoch.Load().(string)}
	err := s.each(ctx, func(r *sql.Rows) error {
		return r.Scan(&state.Batch, &state.PositionTopicID, &state.PositionOffset)
	}, `SELECT batch, position_topic, position_offset FROM relays WHERE name = $1`, relay)
	if err != nil {
		return eventstore.RelayState{}, fmt.Errorf("read relay %s: %w", relay, err)
	}
	return state, nil
}

// RenewEpoch gives the database a new identity. See eventstore.EpochRenewer.
func (s *Store) RenewEpoch(ctx context.Context) (string, error) {
	if s.writer == nil {
		return "", ErrReadOnly
	}
	epoch := rand.Text()
	err := s.writer.do(ctx, func(c *conn, _ *group) error {
		_, err := c.exec(`UPDATE meta SET value = ? WHERE name = 'store_epoch'`, epoch)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("renew the store epoch: %w", err)
	}
	s.epoch.Store(epoch)
	return epoch, nil
}

// Backlog returns how many rows wait and since when.
func (s *Store) Backlog(ctx context.Context) (rows, oldest int64, err error) {
	err = s.each(ctx, func(r *sql.Rows) error { return r.Scan(&rows, &oldest) },
		`SELECT (SELECT count(*) FROM outbox), coalesce((SELECT at FROM outbox ORDER BY seq LIMIT 1), 0)`)
	if err != nil {
		return 0, 0, fmt.Errorf("count the outbox: %w", err)
	}
	return rows, oldest, nil
}

// Committed receives a value soon after a commit of this Store added rows.
func (s *Store) Committed() <-chan struct{} {
	if s.writer == nil {
		return nil
	}
	return s.writer.committed
}
