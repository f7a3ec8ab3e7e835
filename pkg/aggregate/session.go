package aggregate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/jitter"
)

// Session collects what one unit of work does to several aggregates. It is not
// safe for concurrent use.
type Session struct {
	// Tx is the transaction that the session reads in.
	Tx eventstore.Tx
	// Unit may be added to directly: intents, answers, statements, parked
	// records. Its Changes are written by Flush.
	Unit  *eventstore.Unit
	roots map[eventstore.StreamID]changer
	order []eventstore.StreamID
	// preloaded are rows that were locked and read but not decoded yet.
	preloaded map[eventstore.StreamID]eventstore.Stream
	touched   map[eventstore.StreamID]func() // see save
}

type changer interface {
	change() (eventstore.Change, bool, error)
	// save returns a function that puts the root back into its present state.
	save() (restore func())
}

// savepoint is a state of a session to go back to.
type savepoint struct {
	unit  eventstore.Unit
	roots int // how many were loaded
}

// save remembers the session as it is now, and from now on every root just
// before it is handed out.
func (s *Session) save() savepoint {
	s.touched = make(map[eventstore.StreamID]func())
	return savepoint{unit: *s.Unit, roots: len(s.order)}
}

// restore goes back to a savepoint. Roots that were loaded since are forgotten,
// but for their locks.
func (s *Session) restore(p savepoint) {
	*s.Unit = p.unit
	for _, restore := range s.touched {
		restore()
	}
	for _, id := range s.order[p.roots:] {
		delete(s.roots, id)
	}
	s.order = s.order[:p.roots]
}

// touch remembers a root as it is, the first time after save.
func (s *Session) touch(id eventstore.StreamID) {
	if s.touched == nil || s.touched[id] != nil {
		return
	}
	s.touched[id] = s.roots[id].save()
}

// Join makes a session that works within a unit which somebody else commits.
func Join(tx eventstore.Tx, unit *eventstore.Unit) *Session {
	return &Session{Tx: tx, Unit: unit, roots: make(map[eventstore.StreamID]changer)}
}

// Load locks aggregates until the session ends and returns them in the order of
// ids. Asking again for one that is loaded returns the same root. New locks must
// sort after those held: eventstore.ErrLockOrder.
func (d *Definition[S, O, E]) Load(ctx context.Context, s *Session, ids ...string) ([]*Root[S, O, E], error) {
	fresh := make([]eventstore.StreamID, 0, len(ids))
	for _, id := range ids {
		if stream := d.StreamID(id); s.roots[stream] == nil {
			fresh = append(fresh, stream)
		}
	}
	if len(fresh) > 0 {
		rows, err := s.rows(ctx, fresh)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if s.roots[row.ID] != nil {
				continue // the same id twice in one call
			}
			root, err := d.decode(row)
			if err != nil {
				return nil, err
			}
			s.roots[row.ID] = root
			s.order = append(s.order, row.ID)
		}
	}
	out := make([]*Root[S, O, E], len(ids))
	for i, id := range ids {
		s.touch(d.StreamID(id))
		root, ok := s.roots[d.StreamID(id)].(*Root[S, O, E])
		if !ok {
			return nil, fmt.Errorf("load %s/%s: kind is used by two definitions", d.Kind, id)
		}
		out[i] = root
	}
	return out, nil
}

// rows returns the rows of streams, from memory where they were read before.
func (s *Session) rows(ctx context.Context, ids []eventstore.StreamID) ([]eventstore.Stream, error) {
	if len(ids) == 1 {
		if row, ok := s.preloaded[ids[0]]; ok {
			return []eventstore.Stream{row}, nil
		}
	}
	return s.Tx.Load(ctx, ids...)
}

// LoadOne is Load for a single aggregate.
func (d *Definition[S, O, E]) LoadOne(ctx context.Context, s *Session, id string) (*Root[S, O, E], error) {
	roots, err := d.Load(ctx, s, id)
	if err != nil {
		return nil, err
	}
	return roots[0], nil
}

// Flush writes the changes of all roots into the unit. Call it once, last.
func (s *Session) Flush() error {
	for _, id := range s.order {
		c, changed, err := s.roots[id].change()
		if err != nil {
			return err
		}
		if changed {
			s.Unit.Changes = append(s.Unit.Changes, c)
		}
	}
	return nil
}

const (
	// maxTries bounds Do under contention: with streams locked at load, a
	// conflict is rare and the next try nearly always succeeds.
	maxTries = 8
	// conflictPause is the longest wait before the second try; it grows
	// linearly, and is shared out at random so that two losers part.
	conflictPause = 2 * time.Millisecond
)

// Do runs fn in a session of its own and commits it. When somebody else
// committed first, it runs fn again on fresh roots, at most maxTries times: fn
// must have no effects but those on the session. An error of fn rolls back and is
// returned as it is.
func Do(ctx context.Context, w eventstore.Writer, fn func(*Session) error) error {
	for try := 1; ; try++ {
		err := once(ctx, w, fn)
		if err == nil || !errors.Is(err, eventstore.ErrConflict) || try == maxTries {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(jitter.Below(ctx, time.Duration(try)*conflictPause)):
		}
	}
}

func once(ctx context.Context, w eventstore.Writer, fn func(*Session) error) error {
	tx, err := w.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	s := Join(tx, &eventstore.Unit{})
	if err := fn(s); err != nil {
		return err
	}
	if err := s.Flush(); err != nil {
		return err
	}
	return tx.Commit(ctx, *s.Unit)
}
