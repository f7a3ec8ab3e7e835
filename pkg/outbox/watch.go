package outbox

import (
	"context"
	"fmt"
	"time"
)

// watchFor is how long an answer that the database is where it was counts: a set
// back database is seen before anything of it is published unless it came within
// this. A batch is usually written sooner.
const watchFor = 100 * time.Millisecond

// A watch is the question whether the database still is where the session left
// it. It is asked after the rows were read, and while they are being written.
type watch struct {
	s     *session
	asked time.Time
	end   context.CancelFunc
	done  chan struct{} // nil: not asked
	err   error         // after done
}

// watch asks, unless a deletion has yet to bring the database there: when it has, that
// is an answer too, which counts from when the deletion was asked for.
func (s *session) watch(ctx context.Context) *watch {
	ctx, cancel := context.WithCancel(ctx)
	w := &watch{s: s, end: cancel}
	if s.undeleted == nil {
		w.asked, w.done = time.Now(), make(chan struct{})
		go func() {
			defer close(w.done)
			w.err = s.unmoved(ctx)
		}()
	}
	return w
}

// answer returns nil if the database was there within watchFor.
func (w *watch) answer(ctx context.Context) error {
	known := w.s.stood
	if w.done != nil {
		<-w.done
		if w.err != nil {
			return w.err
		}
		known = w.asked
	}
	if time.Since(known) < watchFor {
		return nil
	}
	return w.s.unmoved(ctx)
}

// close waits for a question that nobody wants to be answered any more.
func (w *watch) close() {
	w.end()
	if w.done != nil {
		<-w.done
	}
}

// unmoved tells whether the database still is where this session left it.
func (s *session) unmoved(ctx context.Context) error {
	state, err := s.deps.Store.RelayState(ctx, s.cfg.Relay)
	if err != nil {
		return fmt.Errorf("read state before batch %d: %w", s.state.Batch+1, err)
	}
	if state.Batch != s.state.Batch || state.StoreEpoch != s.state.StoreEpoch {
		return fmt.Errorf("before batch %d: database is at batch %d: %w", s.state.Batch+1, state.Batch, errMoved)
	}
	return nil
}
