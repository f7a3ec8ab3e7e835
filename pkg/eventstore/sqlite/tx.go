package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/internal/unitcheck"
)

var errEnded = errors.New("unit of work has ended")

// tx is one turn of the writer. Until Commit it only reads, so it keeps no
// transaction open, and others' commits do not wait for it.
type tx struct {
	store *Store
	order eventstore.LockOrder
	heads unitcheck.Heads
	ended bool
}

// Begin waits for its turn: units run one after the other.
func (s *Store) Begin(ctx context.Context) (eventstore.Tx, error) {
	if s.writer == nil {
		return nil, ErrReadOnly
	}
	if err := s.writer.turns.take(ctx); err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	return &tx{store: s, heads: make(unitcheck.Heads)}, nil
}

var selectStreams = newRowset(
	`SELECT kind, id, version, published, state, observed FROM streams WHERE (kind, id) IN (VALUES `, 2, `)`)

func (t *tx) Load(ctx context.Context, ids ...eventstore.StreamID) ([]eventstore.Stream, error) {
	if t.ended {
		return nil, errEnded
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if _, err := t.order.Next(ids); err != nil {
		return nil, err
	}
	distinct := slices.Clone(ids)
	slices.SortFunc(distinct, eventstore.StreamID.Compare)
	distinct = slices.Compact(distinct)

	found := make(map[eventstore.StreamID]eventstore.Stream, len(distinct))
	err := t.store.writer.read(
		func(g *group) bool { return g.wrote(distinct) },
		func(c *conn) error {
			return selectStreams.query(c, len(distinct), func(i int, a *arguments) {
				a.add(distinct[i].Kind, distinct[i].ID)
			}, func(v []driver.Value) {
				s := eventstore.Stream{
					ID:      eventstore.StreamID{Kind: text(v[0]), ID: text(v[1])},
					Version: integer(v[2]), Published: integer(v[3]), State: blob(v[4]), Observed: blob(v[5]),
				}
				found[s.ID] = s
			})
		})
	if err != nil {
		return nil, fmt.Errorf("load %d streams: %w", len(distinct), err)
	}
	streams := make([]eventstore.Stream, len(ids))
	for i, id := range ids {
		streams[i] = found[id]
		streams[i].ID = id
		t.heads[id] = unitcheck.Head{Version: streams[i].Version, Published: streams[i].Published}
	}
	return streams, nil
}

func (t *tx) Answer(ctx context.Context, key string) (a eventstore.Answer, ok bool, err error) {
	if t.ended {
		return a, false, errEnded
	}
	if err := ctx.Err(); err != nil {
		return a, false, err
	}
	err = t.store.writer.read(
		func(g *group) bool { _, dirty := g.answers[key]; return dirty },
		func(c *conn) error {
			return c.query(`SELECT digest, status, body, expires_at FROM answers WHERE key = ?`, func(v []driver.Value) {
				ok = true
				a = eventstore.Answer{
					Key: key, Digest: text(v[0]), Status: int(integer(v[1])), Body: blob(v[2]), ExpiresAt: integer(v[3]),
				}
			}, key)
		})
	if err != nil {
		return eventstore.Answer{}, false, fmt.Errorf("read answer %s: %w", key, err)
	}
	return a, ok, nil
}

func (t *tx) Commit(ctx context.Context, u eventstore.Unit) error {
	if t.ended {
		return errEnded
	}
	t.ended = true
	w := t.store.writer
	g, err := t.write(ctx, u)
	w.endTurn()
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if g == nil {
		return nil
	}
	return g.wait()
}

// write returns no group when there is nothing to write: what the unit read is
// durable already.
func (t *tx) write(ctx context.Context, u eventstore.Unit) (*group, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := unitcheck.Check(u, t.heads); err != nil {
		return nil, err
	}
	if unitcheck.Empty(u) {
		return nil, nil
	}
	p := unitWriter{unit: u, heads: t.heads, at: t.store.now().UnixMicro()}
	return t.store.writer.write(func(c *conn, g *group) error {
		p.conn = c
		if err := p.write(); err != nil {
			return err
		}
		p.mark(g)
		return nil
	})
}

func (t *tx) Rollback() {
	if t.ended {
		return
	}
	t.ended = true
	t.store.writer.endTurn()
}
