package aggregate

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

const (
	// maxBatch bounds the commands of one unit: enough to share a durable commit
	// among all that arrive while the one before is written, few enough to hold
	// their locks briefly.
	maxBatch = 128
	// batchTimeout bounds one unit, whoever of its callers has left meanwhile.
	batchTimeout = 30 * time.Second
)

// Commands runs commands that arrive together in one unit of work: whatever
// arrives while one unit is committed makes up the next, so that under load many
// commands share one durable commit, and without load none waits for another.
//
// Each command is alone in what it does: one that is refused, or panics, leaves
// no trace in the unit, and if the unit as a whole fails, each of its commands is
// run by itself. It is safe for concurrent use.
type Commands struct {
	store eventstore.Writer

	mu    sync.Mutex
	queue []*command
	busy  bool
}

// command is one call of Do that waits for its turn.
type command struct {
	ctx     context.Context
	streams []eventstore.StreamID
	fn      func(*Session) error
	load    func(context.Context, *Session) error
	done    chan error
	lead    chan struct{}
	err     error
}

// NewCommands returns a batcher of commands for a store.
func NewCommands(store eventstore.Writer) *Commands { return &Commands{store: store} }

// Run decides one command for one aggregate: fn gets its root, locked, and the
// session, in which it may load others that sort behind. fn may be called more
// than once, on fresh roots, and must have no effects but those on the session.
// Errors of fn are returned as they are; after eventstore.ErrOutcomeUnknown look
// before trying again.
func Run[S, O, E any](ctx context.Context, c *Commands, d *Definition[S, O, E], id string, fn func(*Session, *Root[S, O, E]) error) error {
	return c.do(ctx, &command{
		ctx: ctx, streams: []eventstore.StreamID{d.StreamID(id)},
		load: func(ctx context.Context, s *Session) error {
			_, err := d.LoadOne(ctx, s, id)
			return err
		},
		fn: func(s *Session) error {
			root, err := d.LoadOne(ctx, s, id) // locked by load: returned from memory
			if err != nil {
				return err
			}
			return fn(s, root)
		},
	})
}

func (c *Commands) do(ctx context.Context, cmd *command) error {
	cmd.done, cmd.lead = make(chan error, 1), make(chan struct{}, 1)
	c.mu.Lock()
	c.queue = append(c.queue, cmd)
	leading := !c.busy
	c.busy = true
	c.mu.Unlock()
	if !leading {
		// The wait is bounded by the units before: leaving early would only hide
		// what becomes of the command.
		select {
		case err := <-cmd.done:
			return err
		case <-cmd.lead:
		}
	}
	c.run(context.WithoutCancel(ctx), c.take())
	c.handOver()
	return cmd.err
}

// take removes from the queue what runs next, with the leader at its head.
func (c *Commands) take() []*command {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(c.queue), maxBatch)
	batch := c.queue[:n:n]
	c.queue = slices.Clone(c.queue[n:])
	return batch
}

// handOver makes the next command in the queue the leader.
func (c *Commands) handOver() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		c.busy = false
		return
	}
	c.queue[0].lead <- struct{}{}
}

// run brings every command of a batch to an end and tells its caller.
func (c *Commands) run(ctx context.Context, batch []*command) {
	ctx, cancel := context.WithTimeout(ctx, batchTimeout)
	defer cancel()
	live := batch[:0:0]
	for _, cmd := range batch {
		if cmd.err = cmd.ctx.Err(); cmd.err == nil {
			live = append(live, cmd)
		}
	}
	if len(live) > 1 {
		alone, err := c.together(ctx, live)
		if err != nil {
			alone = live
		}
		live = alone
	}
	for _, cmd := range live {
		cmd.err = c.alone(ctx, cmd)
	}
	for _, cmd := range batch {
		cmd.done <- cmd.err
	}
}

// alone runs a command in a session of its own.
func (c *Commands) alone(ctx context.Context, cmd *command) (err error) {
	defer recovered(&err)
	return Do(ctx, c.store, func(s *Session) error {
		if err := cmd.load(cmd.ctx, s); err != nil {
			return err
		}
		return cmd.fn(s)
	})
}

// together runs all commands in one unit and returns those that must run by
// themselves after all. An error means that nothing of the unit was written;
// ErrOutcomeUnknown is not returned, but is what becomes of all commands in it:
// even a refusal may rest on another command that is lost.
func (c *Commands) together(ctx context.Context, batch []*command) (alone []*command, err error) {
	defer recovered(&err) // whoever's fault it is panics again, alone
	tx, err := c.store.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	s := Join(tx, &eventstore.Unit{})
	if err := s.lockAll(ctx, batch); err != nil {
		return nil, err
	}
	for _, cmd := range batch {
		before := s.save()
		if cmd.err = cmd.guarded(s); cmd.err != nil {
			s.restore(before)
		}
		if errors.Is(cmd.err, eventstore.ErrLockOrder) {
			alone = append(alone, cmd) // the streams of the others were in its way
		}
	}
	if err := s.Flush(); err != nil {
		return nil, err
	}
	err = tx.Commit(ctx, *s.Unit)
	if !errors.Is(err, eventstore.ErrOutcomeUnknown) {
		return alone, err
	}
	for _, cmd := range batch {
		if !slices.Contains(alone, cmd) {
			cmd.err = err
		}
	}
	return alone, nil
}

// lockAll loads the streams of all commands: in one go, and so in one order.
func (s *Session) lockAll(ctx context.Context, batch []*command) error {
	ids := make([]eventstore.StreamID, 0, len(batch))
	for _, cmd := range batch {
		ids = append(ids, cmd.streams...)
	}
	rows, err := s.Tx.Load(ctx, ids...)
	if err != nil {
		return err
	}
	s.preloaded = make(map[eventstore.StreamID]eventstore.Stream, len(rows))
	for _, row := range rows {
		s.preloaded[row.ID] = row
	}
	for _, cmd := range batch {
		if err := cmd.load(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// guarded runs the command's function and turns a panic into its error.
func (cmd *command) guarded(s *Session) (err error) {
	defer recovered(&err)
	return cmd.fn(s)
}

// recovered keeps a panic from leaving the queue without a leader.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("command panicked: %v\n%s", p, debug.Stack())
	}
}
