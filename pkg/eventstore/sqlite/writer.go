package sqlite

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// maxGroupUnits bounds how many units share one fsync: from a few dozen on
	// the fsync no longer matters, and the first of them should not wait longer.
	maxGroupUnits = 64
	// maxGroupDelay is how long a unit that is written waits for its commit
	// while another caller holds the turn without writing.
	maxGroupDelay = 2 * time.Millisecond
)

// writer lets several units of work share one durable commit.
//
// Callers take turns. A turn reads and decides at leisure, then writes behind
// a savepoint, and hands the transaction on to the next caller; whoever finds
// nobody waiting commits for all. Nothing that is not durable is ever shown to
// another unit: a turn that asks for a stream or an answer of the open group
// commits the group first.
type writer struct {
	turns turns
	path  string
	dsn   string

	mu     sync.Mutex // guards all below: the connection and the open group
	conn   *conn      // nil after a failure that left its state unknown
	open   *group
	closed bool
	// starved is when a checkpoint last gave up because of a reader.
	starved time.Time
	// maxWAL is maxWALPages, but in a test.
	maxWAL int64

	kick    chan struct{} // a group was handed on: see that it is committed
	stop    chan struct{}
	stopped chan struct{}

	committed chan struct{}
	intents   chan struct{}
}

func openWriter(path, dsn string) (*writer, error) {
	c, err := openConn(dsn)
	if err != nil {
		return nil, err
	}
	w := &writer{
		path: path, dsn: dsn, conn: c, maxWAL: maxWALPages,
		kick: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{}),
		committed: make(chan struct{}, 1), intents: make(chan struct{}, 1),
	}
	go w.flushLate()
	return w, nil
}

// do runs write in a turn of its own and returns once it is durable. write can
// be run in a transaction with others' units, and must not have side effects.
func (w *writer) do(ctx context.Context, write func(*conn, *group) error) error {
	if err := w.turns.take(ctx); err != nil {
		return err
	}
	g, err := w.write(write)
	w.endTurn()
	if err != nil {
		return err
	}
	return g.wait()
}

// read runs statements in the caller's turn. dirty tells whether they touch
// what the open group wrote.
func (w *writer) read(dirty func(*group) bool, read func(*conn) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.ready(); err != nil {
		return err
	}
	if w.open != nil && dirty(w.open) {
		w.commit()
		if err := w.ready(); err != nil {
			return err
		}
	}
	return read(w.conn)
}

// write runs the statements of one unit in the caller's turn. On error nothing
// of it is left; otherwise it belongs to the group that is returned.
func (w *writer) write(unit func(*conn, *group) error) (*group, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.ready(); err != nil {
		return nil, err
	}
	g, shared := w.open, w.open != nil
	if shared {
		if _, err := w.conn.exec("SAVEPOINT unit"); err != nil {
			return nil, w.fail(g, err)
		}
	} else {
		if _, err := w.conn.exec("BEGIN IMMEDIATE"); err != nil {
			return nil, fmt.Errorf("begin: %w", err)
		}
		g = &group{opened: time.Now(), done: make(chan struct{})}
	}
	if err := unit(w.conn, g); err != nil {
		w.undo(g, shared)
		return nil, err
	}
	if shared {
		if _, err := w.conn.exec("RELEASE unit"); err != nil {
			return nil, w.fail(g, err)
		}
	}
	g.units++
	w.open = g
	return g, nil
}

// undo takes back what a failed unit wrote. SQLite answers some errors, such
// as a full disk, by rolling back the whole transaction: the savepoint is then
// gone, and all of the group failed.
func (w *writer) undo(g *group, shared bool) {
	if !shared {
		if _, err := w.conn.exec("ROLLBACK"); err != nil {
			w.reconnect()
		}
		return
	}
	if _, err := w.conn.exec("ROLLBACK TO unit"); err != nil {
		_ = w.fail(g, err)
		return
	}
	if _, err := w.conn.exec("RELEASE unit"); err != nil {
		_ = w.fail(g, err)
	}
}

// endTurn hands the open group to the next caller, or commits it.
func (w *writer) endTurn() {
	wanted := w.turns.wantedSoon()
	w.mu.Lock()
	if g := w.open; g != nil {
		full := g.units >= maxGroupUnits || time.Since(g.opened) > maxGroupDelay
		if full || !wanted {
			w.commit()
		} else {
			notify(w.kick)
		}
	}
	w.mu.Unlock()
	w.turns.give()
}

// flushLate commits groups that were handed to a caller who does not write.
func (w *writer) flushLate() {
	defer close(w.stopped)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-w.kick:
		case <-w.stop:
			return
		}
		for late := w.late(); late > 0; late = w.late() {
			timer.Reset(late)
			select {
			case <-timer.C:
			case <-w.stop:
				return
			}
		}
	}
}

// late commits the open group if its time has come, and returns how long to
// wait for the next one, or 0 when none is open.
func (w *writer) late() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open == nil {
		return 0
	}
	if rest := maxGroupDelay - time.Since(w.open.opened); rest > 0 {
		return rest
	}
	w.commit()
	return 0
}

// commit makes the open group durable and tells everybody in it.
func (w *writer) commit() {
	g := w.open
	if _, err := w.conn.exec("COMMIT"); err != nil {
		_ = w.fail(g, commitError(err))
		return
	}
	w.open = nil
	close(g.done)
	if g.addedRows {
		notify(w.committed)
	}
	if g.addedIntents {
		notify(w.intents)
	}
	w.checkpoint()
}

// fail ends the group without effect, for all units in it. The connection is
// replaced: closing it rolls back whatever is left of the transaction.
func (w *writer) fail(g *group, err error) error {
	w.open = nil
	w.reconnect()
	g.err = err
	close(g.done)
	return err
}

// reconnect replaces the connection, or leaves none, in which case the next
// caller tries again.
func (w *writer) reconnect() {
	if w.conn != nil {
		_ = w.conn.close() // what it was doing has failed already
		w.conn = nil
	}
	if c, err := openConn(w.dsn); err == nil {
		w.conn = c
	}
}

// ready returns nil when there is a connection to work with.
func (w *writer) ready() error {
	if w.closed {
		return ErrClosed
	}
	if w.conn == nil {
		c, err := openConn(w.dsn)
		if err != nil {
			return fmt.Errorf("open %s again: %w", w.path, err)
		}
		w.conn = c
	}
	return nil
}

// drain refuses new turns and waits until those under way have ended, or for
// grace, and everything that was handed in is committed.
func (w *writer) drain(grace time.Duration) {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-w.turns.close():
	case <-timer.C:
	}
	close(w.stop)
	<-w.stopped
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.open != nil {
		w.commit()
	}
}

// close ends the connection, after drain.
func (w *writer) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn == nil {
		return nil
	}
	return w.conn.close()
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
