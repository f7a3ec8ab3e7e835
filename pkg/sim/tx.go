package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

var (
	errEnded  = errors.New("unit of work has ended")
	errBroken = fmt.Errorf("the database restarted: %w", ErrConnection)
)

// tx is one unit of work of one process. Several can be under way; each holds the
// streams that it loaded until it ends.
type tx struct {
	store  *store
	disk   *Disk
	number int // in the order of their first lock
	order  eventstore.LockOrder
	held   []eventstore.StreamID
	heads  map[eventstore.StreamID]int64
	seqs   []int64 // reserved when the commit was sent
	sent   bool    // the commit is on its way: the locks wait for it
	broken bool    // by a restart of the database
	ended  bool
}

// lock is a stream that a unit holds, with those that wait for it.
type lock struct {
	holder  *tx
	waiters []*waiter
}

type waiter struct {
	tx      *tx
	granted chan struct{}
}

func (s *store) Begin(ctx context.Context) (eventstore.Tx, error) {
	if err := ctx.Err(); err != nil && !s.node.frozen() {
		return nil, err
	}
	return &tx{store: s, disk: s.disk, heads: make(map[eventstore.StreamID]int64)}, nil
}

func (t *tx) Load(ctx context.Context, ids ...eventstore.StreamID) ([]eventstore.Stream, error) {
	if t.ended {
		return nil, errEnded
	}
	fresh, err := t.order.Next(ids)
	if err != nil {
		return nil, err
	}
	key := ""
	if len(ids) > 0 {
		key = ids[0].String()
	}
	var rows []eventstore.Stream
	var wait *waiter
	next := 0
	step := func() error {
		if t.broken || t.store.node.dead { // the connection is gone, and its locks with it
			return errBroken
		}
		if t.ended { // given up while the call was on its way
			return errEnded
		}
		if t.number == 0 {
			t.disk.world.units++
			t.number = t.disk.world.units
			t.disk.open[t] = struct{}{}
			t.store.node.txs[t] = struct{}{}
		}
		for ; next < len(fresh); next++ {
			if wait = t.lock(fresh[next]); wait != nil {
				next++ // it is ours when the waiting is over
				return nil
			}
		}
		rows = make([]eventstore.Stream, len(ids))
		for i, id := range ids {
			rows[i] = t.disk.Stream(id)
			t.heads[id] = rows[i].Version
		}
		return nil
	}
	for {
		if err := t.store.do(ctx, "load", key, step); err != nil {
			return nil, err
		}
		if rows != nil || len(ids) == 0 {
			return rows, nil
		}
		select {
		case <-wait.granted:
		case <-t.store.node.world.ends:
			return nil, errOver
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// lock takes a stream for the unit, or queues for it.
func (t *tx) lock(id eventstore.StreamID) *waiter {
	t.held = append(t.held, id)
	l := t.disk.locks[id]
	if l == nil {
		t.disk.locks[id] = &lock{holder: t}
		return nil
	}
	w := &waiter{tx: t, granted: make(chan struct{})}
	l.waiters = append(l.waiters, w)
	return w
}

// release gives back all that a unit holds or waits for.
func (t *tx) release() {
	for _, id := range t.held {
		l := t.disk.locks[id]
		switch {
		case l == nil:
		case l.holder != t:
			l.waiters = slices.DeleteFunc(l.waiters, func(w *waiter) bool { return w.tx == t })
		case len(l.waiters) == 0:
			delete(t.disk.locks, id)
		default:
			next := l.waiters[0]
			l.waiters = l.waiters[1:]
			l.holder = next.tx
			close(next.granted)
		}
	}
	t.held = nil
	for _, seq := range t.seqs {
		delete(t.disk.late, seq)
	}
	t.seqs = nil
	delete(t.disk.open, t)
	delete(t.store.node.txs, t)
}

func (t *tx) Answer(ctx context.Context, key string) (a eventstore.Answer, ok bool, err error) {
	if t.ended {
		return a, false, errEnded
	}
	kept, err := answer(ctx, t.store, "answer", key, func() (*eventstore.Answer, error) {
		if t.broken {
			return nil, errBroken
		}
		if a, ok := t.disk.data.answers[key]; ok {
			return &a, nil
		}
		return nil, nil
	})
	if kept == nil {
		return a, false, err
	}
	return *kept, true, err
}

func (t *tx) Commit(ctx context.Context, u eventstore.Unit) error {
	if t.ended {
		return errEnded
	}
	u = deepen(u)
	t.reserve(u)
	r := t.store.node.request(&t.disk.part, "commit", unitKey(u), func() error {
		t.disk.world.explain(func() string { return describe(u) })
		if t.broken {
			return errBroken
		}
		err := t.disk.commit(t, u)
		t.release()
		return err
	})
	r.drop = t.release
	err := r.send(ctx)
	if errors.Is(err, ErrConnection) {
		return fmt.Errorf("%w: %w", eventstore.ErrOutcomeUnknown, err)
	}
	return err
}

// reserve hands out sequences when the commit is sent: they become visible in the
// order in which commits arrive, which is another.
func (t *tx) reserve(u eventstore.Unit) {
	w := t.disk.world
	w.mu.Lock()
	defer w.mu.Unlock()
	t.sent, t.ended = true, true
	for i := range u.Changes {
		if u.Changes[i].Record != nil {
			t.disk.seq++
			t.seqs = append(t.seqs, t.disk.seq)
			t.disk.late[t.disk.seq] = struct{}{}
		}
	}
}

// take returns a reserved sequence for a row.
func (t *tx) take() int64 {
	seq := t.seqs[0]
	t.seqs = t.seqs[1:]
	delete(t.disk.late, seq)
	return seq
}

func (t *tx) Rollback() {
	w := t.disk.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if !t.ended {
		t.release()
	}
	t.ended = true
}

// check finds what keeps a change from being written.
func (t *tx) check(c *eventstore.Change) error {
	version, loaded := t.heads[c.Stream]
	if !loaded {
		return fmt.Errorf("change %s: %w", c.Stream, eventstore.ErrNotLoaded)
	}
	if now := t.disk.data.streams[c.Stream].Version; c.Expected != version || c.Expected != now {
		return &eventstore.ConflictError{What: "stream " + c.Stream.String(), Expected: c.Expected, Actual: now}
	}
	switch {
	case c.Record == nil:
	case len(c.Events) == 0:
		return fmt.Errorf("change %s: a record needs an event", c.Stream)
	case c.Record.Size() > eventstore.MaxRecordBytes:
		return fmt.Errorf("change %s: %w", c.Stream, eventstore.ErrRecordTooLarge)
	}
	return nil
}

// unitKey names a unit in the trace.
func unitKey(u eventstore.Unit) string {
	switch {
	case len(u.Changes) > 0:
		return u.Changes[0].Stream.String()
	case len(u.Moves) > 0:
		return u.Moves[0].Topic
	case len(u.FinishIntents) > 0:
		return u.FinishIntents[0]
	}
	return ""
}

// deepen copies what the caller may change while a commit is under way.
func deepen(u eventstore.Unit) eventstore.Unit {
	u.Changes = slices.Clone(u.Changes)
	u.Moves = slices.Clone(u.Moves)
	return u
}
