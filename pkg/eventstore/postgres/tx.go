package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/internal/unitcheck"
)

const (
	// unitPatience bounds each call of a unit, so that a network that swallows
	// everything cannot hold a caller whose context never ends.
	unitPatience = time.Minute
	// rollbackPatience bounds a rollback; after it the connection is closed,
	// which ends the transaction as well.
	rollbackPatience = 5 * time.Second
)

var errEnded = errors.New("unit of work has ended")

const (
	// Each statement sees what was committed before it, whatever the database's
	// default: a unit must see what the one before it wrote to the stream that
	// it waited for.
	beginSQL  = `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE`
	commitSQL = `COMMIT`

	// lockSQL locks streams one after the other, in the order given, and makes
	// a stub of each that does not exist. Updating WHERE false locks a row
	// without writing a new version of it. Locking those that exist in one
	// statement and making stubs in another would be two orders, and deadlock.
	lockSQL = `INSERT INTO streams (kind, id, version, published)
		SELECT k, i, 0, 0 FROM unnest($1::text[], $2::text[]) AS u (k, i)
		ON CONFLICT (kind, id) DO UPDATE SET version = streams.version WHERE false`

	loadSQL = `SELECT s.kind, s.id, s.version, s.published, s.state, s.observed
		FROM unnest($1::text[], $2::text[]) AS u (k, i) JOIN streams s ON s.kind = u.k AND s.id = u.i`

	answerSQL = `SELECT digest, status, body, expires_at FROM answers WHERE key = $1`
)

// tx is one unit of work. It takes a connection when it first needs one.
type tx struct {
	store *Store

	mu    sync.Mutex // the unit is its caller's, but closing the store ends it
	order eventstore.LockOrder
	heads unitcheck.Heads
	stubs map[eventstore.StreamID]struct{} // loaded, and not there before
	conn  *pgxpool.Conn
	ended bool
}

// Begin starts a unit of work. It does not wait: the first Load does.
func (s *Store) Begin(ctx context.Context) (eventstore.Tx, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	return &tx{store: s, heads: make(unitcheck.Heads), stubs: make(map[eventstore.StreamID]struct{})}, nil
}

func (t *tx) Load(ctx context.Context, ids ...eventstore.StreamID) ([]eventstore.Stream, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return nil, errEnded
	}
	for _, id := range ids {
		if err := checkName(id); err != nil {
			return nil, fmt.Errorf("load: %w", err)
		}
	}
	fresh, err := t.order.Next(ids)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	found, err := t.load(ctx, fresh, distinctIDs(ids))
	if err != nil {
		t.finish()
		return nil, fmt.Errorf("load %d streams from %s on: %w", len(ids), ids[0], err)
	}
	streams := make([]eventstore.Stream, len(ids))
	for i, id := range ids {
		st, ok := found[id]
		if !ok {
			return nil, fmt.Errorf("load %s: its row is gone although it is locked", id)
		}
		streams[i] = st
		t.heads[id] = unitcheck.Head{Version: st.Version, Published: st.Published}
		if st.Version == 0 && st.State == nil && st.Observed == nil {
			t.stubs[id] = struct{}{}
		}
	}
	return streams, nil
}

// load locks what is not held yet and reads everything, in one round trip.
func (t *tx) load(ctx context.Context, fresh, ids []eventstore.StreamID) (map[eventstore.StreamID]eventstore.Stream, error) {
	found := make(map[eventstore.StreamID]eventstore.Stream, len(ids))
	err := t.send(ctx, func(b *pgx.Batch) {
		if len(fresh) > 0 {
			kinds, names := columns(fresh)
			b.Queue(lockSQL, kinds, names)
		}
		kinds, names := columns(ids)
		b.Queue(loadSQL, kinds, names).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				var s eventstore.Stream
				if err := rows.Scan(&s.ID.Kind, &s.ID.ID, &s.Version, &s.Published, &s.State, &s.Observed); err != nil {
					return err
				}
				found[s.ID] = s
			}
			return rows.Err()
		})
	})
	return found, lostOrder("streams to load", err)
}

func (t *tx) Answer(ctx context.Context, key string) (a eventstore.Answer, ok bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return a, false, errEnded
	}
	if !isText(key) {
		return a, false, nil // never kept
	}
	err = t.send(ctx, func(b *pgx.Batch) {
		b.Queue(answerSQL, key).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				ok = true
				a = eventstore.Answer{Key: key}
				if err := rows.Scan(&a.Digest, &a.Status, &a.Body, &a.ExpiresAt); err != nil {
					return err
				}
			}
			return rows.Err()
		})
	})
	if err != nil {
		t.finish()
		return eventstore.Answer{}, false, fmt.Errorf("read answer %s: %w", key, err)
	}
	return a, ok, nil
}

// send runs statements in one round trip, and begins the transaction in it if
// need be.
func (t *tx) send(ctx context.Context, queue func(*pgx.Batch)) error {
	ctx, stop := t.store.bound(ctx)
	defer stop()
	if err := t.acquire(ctx); err != nil {
		return err
	}
	b := new(pgx.Batch)
	t.begin(b)
	queue(b)
	return failure(ctx, t.conn.SendBatch(ctx, b).Close())
}

// begin queues the beginning of the transaction unless it is under way.
func (t *tx) begin(b *pgx.Batch) {
	if t.conn.Conn().PgConn().TxStatus() == 'I' {
		b.Queue(beginSQL)
	}
}

func (t *tx) acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if t.conn != nil {
		return nil
	}
	if err := t.store.count(t); err != nil {
		return err
	}
	conn, err := t.store.units.Acquire(ctx)
	if err != nil {
		t.store.discount(t)
		return failure(ctx, err)
	}
	t.conn = conn
	return nil
}

func (t *tx) Commit(ctx context.Context, u eventstore.Unit) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return errEnded
	}
	defer t.finish()
	if err := t.commit(ctx, u); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func (t *tx) Rollback() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.finish()
}

// finish ends the transaction if it is still under way, before it returns: the
// locks are free then.
func (t *tx) finish() {
	t.ended = true
	if t.conn == nil {
		return
	}
	rollback(t.conn)
	t.conn.Release()
	t.conn = nil
	t.store.discount(t)
}

// rollback ends the connection's transaction, if there is one.
func rollback(c *pgxpool.Conn) {
	raw := c.Conn()
	if raw.IsClosed() || raw.PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), rollbackPatience)
	defer cancel()
	if _, err := raw.Exec(ctx, `ROLLBACK`); err != nil {
		_ = raw.Close(ctx) // the server rolls back what its client has left
	}
}

// bound keeps a call of a unit from lasting for ever.
func (s *Store) bound(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithTimeout(ctx, unitPatience)
	stop := context.AfterFunc(s.life, cancel)
	return ctx, func() { stop(); cancel() }
}

func distinctIDs(ids []eventstore.StreamID) []eventstore.StreamID {
	ids = slices.Clone(ids)
	slices.SortFunc(ids, eventstore.StreamID.Compare)
	return slices.Compact(ids)
}

func columns(ids []eventstore.StreamID) (kinds, names []string) {
	kinds, names = make([]string, len(ids)), make([]string, len(ids))
	for i, id := range ids {
		kinds[i], names[i] = id.Kind, id.ID
	}
	return kinds, names
}
