package sqlite

import (
	"container/list"
	"context"
	"errors"
	"runtime"
	"sync"
)

// ErrClosed is returned by every method of a Store after Close.
var ErrClosed = errors.New("store is closed")

// turns hands the right to write to one caller at a time, first come first
// served.
type turns struct {
	mu      sync.Mutex
	held    bool
	closed  bool
	waiting list.List     // of chan bool: true is the turn, false a closed store
	idle    chan struct{} // closed when the last turn ends after close
}

// take waits for the caller's turn.
func (t *turns) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t.mu.Lock()
	switch {
	case t.closed:
		t.mu.Unlock()
		return ErrClosed
	case !t.held:
		t.held = true
		t.mu.Unlock()
		return nil
	}
	mine := make(chan bool, 1)
	e := t.waiting.PushBack(mine)
	t.mu.Unlock()

	select {
	case ok := <-mine:
		if !ok {
			return ErrClosed
		}
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	select {
	case ok := <-mine: // both came true at once
		t.mu.Unlock()
		if ok {
			t.give()
		}
	default:
		t.waiting.Remove(e)
		t.mu.Unlock()
	}
	return ctx.Err()
}

// wanted tells whether somebody waits.
func (t *turns) wanted() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.waiting.Len() > 0
}

// wantedSoon is wanted after those who can run have had a chance to ask: the
// units of a group end together, and their callers come back together.
func (t *turns) wantedSoon() bool {
	if t.wanted() {
		return true
	}
	runtime.Gosched()
	return t.wanted()
}

// give ends the caller's turn.
func (t *turns) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if first := t.waiting.Front(); first != nil {
		t.waiting.Remove(first).(chan bool) <- true
		return
	}
	t.held = false
	if t.idle != nil {
		close(t.idle)
		t.idle = nil
	}
}

// close refuses further turns, sends away those that wait, and returns a
// channel that is closed once no turn is under way.
func (t *turns) close() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for e := t.waiting.Front(); e != nil; e = t.waiting.Front() {
		t.waiting.Remove(e).(chan bool) <- false
	}
	idle := make(chan struct{})
	if t.held {
		t.idle = idle
	} else {
		close(idle)
	}
	return idle
}
