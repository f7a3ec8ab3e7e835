//go:build e2e

package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/murmuration-dev/murmuration/e2e/client"
	"github.com/murmuration-dev/murmuration/e2e/fault/clock"
	"github.com/murmuration-dev/murmuration/e2e/fault/plan"
	"github.com/murmuration-dev/murmuration/e2e/stack"
)

// way carries one fault out on parts that nobody else breaks meanwhile, and mends
// it.
type way func(d *Drill, ctx context.Context, f plan.Fault, parts []stack.Part) error

var ways = map[plan.Kind]way{
	plan.Kill:     one((*Drill).kill),
	plan.Freeze:   one((*Drill).freeze),
	plan.Restart:  one((*Drill).restart),
	plan.Cut:      one((*Drill).cut),
	plan.Delay:    one((*Drill).delay),
	plan.Clock:    one((*Drill).clock),
	plan.DiskFull: one((*Drill).fillDisk),
	plan.Reset:    one((*Drill).reset),
	plan.Errors:   one((*Drill).errors),
	plan.Scale:    (*Drill).scale,
	plan.Rolling:  (*Drill).roll,
	plan.Settings: (*Drill).settings,
	plan.Move:     (*Drill).move,
}

func one(do func(*Drill, context.Context, plan.Fault, stack.Part) error) way {
	return func(d *Drill, ctx context.Context, f plan.Fault, parts []stack.Part) error {
		return do(d, ctx, f, parts[0])
	}
}

func (d *Drill) kill(ctx context.Context, f plan.Fault, part stack.Part) error {
	if err := d.stack.Kill(ctx, part); err != nil {
		return err
	}
	return hold(ctx, f, func(ctx context.Context) error { return d.stack.Start(ctx, part) })
}

func (d *Drill) freeze(ctx context.Context, f plan.Fault, part stack.Part) error {
	if err := d.stack.Pause(ctx, part); err != nil {
		return err
	}
	return errors.Join(hold(ctx, f, func(ctx context.Context) error { return d.stack.Resume(ctx, part) }), d.settled(ctx, part))
}

func (d *Drill) restart(ctx context.Context, f plan.Fault, part stack.Part) error {
	over := d.dumpIfStuck(ctx, part)
	ended := d.stack.Stop(ctx, part)
	over()
	if ended != nil {
		ended = fmt.Errorf("%w: %w", errStopped, ended)
	}
	return errors.Join(ended, hold(ctx, f, func(ctx context.Context) error { return d.stack.Start(ctx, part) }))
}

// stuckAfter is when a service that was told to stop takes too long: it may take 35 s
// (settings of DRAIN_DELAY), and is killed after 40.
const stuckAfter = 37 * time.Second

// dumpIfStuck makes a service that does not end say where it hangs: SIGQUIT makes a
// Go program write all its stacks to its log. The function returned ends the watch.
func (d *Drill) dumpIfStuck(ctx context.Context, part stack.Part) (over func()) {
	pid, err := d.stack.PID(ctx, part)
	if err != nil || !slices.Contains(d.services(), part) {
		return func() {} // nothing that would say so
	}
	watch := time.AfterFunc(stuckAfter, func() { _ = syscall.Kill(pid, syscall.SIGQUIT) }) // only root may, and only a log misses it
	return func() { watch.Stop() }
}

func (d *Drill) cut(ctx context.Context, f plan.Fault, part stack.Part) error {
	if err := d.stack.Disconnect(ctx, part); err != nil {
		return err
	}
	return errors.Join(hold(ctx, f, func(ctx context.Context) error { return d.stack.Connect(ctx, part) }), d.settled(ctx, part))
}

func (d *Drill) delay(ctx context.Context, f plan.Fault, part stack.Part) error {
	undo, err := d.slowDown(ctx, part, f.Choice)
	if err != nil {
		return err
	}
	return hold(ctx, f, func(context.Context) error { return undo() })
}

// A clock is wrong by up to so much: more than every lease and less than an order
// may wait, which would end it rightly.
const (
	leastJump = 45 * time.Second
	mostJump  = 10 * time.Minute
)

func (d *Drill) clock(ctx context.Context, f plan.Fault, part stack.Part) error {
	pid, err := d.stack.PID(ctx, part)
	if err != nil {
		return err
	}
	by := leastJump + time.Duration(f.Choice%uint64(mostJump-leastJump))
	if f.Choice>>32%2 == 1 {
		by = -by
	}
	restore, err := clock.Shift(pid, by)
	if err != nil {
		return err
	}
	return errors.Join(hold(ctx, f, func(context.Context) error { return restore() }), d.settled(ctx, part))
}

func (d *Drill) fillDisk(ctx context.Context, f plan.Fault, part stack.Part) error {
	if err := d.stack.FillDisk(ctx, part); err != nil {
		return err
	}
	return hold(ctx, f, func(ctx context.Context) error { return d.stack.FreeDisk(ctx, part) })
}

// severed is the share of commits whose connection breaks: work goes on, so that
// the outcome of what was severed matters.
const severed = 0.3

func (d *Drill) reset(ctx context.Context, f plan.Fault, _ stack.Part) error {
	proxy := d.proxies[f.Target]
	if proxy == nil {
		return fmt.Errorf("no proxy before the %s", f.Target)
	}
	proxy.Arm(severed, f.Choice)
	return hold(ctx, f, func(context.Context) error { proxy.Disarm(); return nil })
}

func (d *Drill) errors(ctx context.Context, f plan.Fault, _ stack.Part) error {
	if err := d.client.SetFaults(ctx, client.Faults{ErrorRate: 0.5, Seed: f.Choice}); err != nil {
		return err
	}
	return hold(ctx, f, func(ctx context.Context) error {
		return until(ctx, mendFor, func(ctx context.Context) error { return d.client.SetFaults(ctx, client.Faults{}) })
	})
}

// scale goes down to one replica, up to three, down to one, and back to what it
// was.
func (d *Drill) scale(ctx context.Context, f plan.Fault, _ []stack.Part) error {
	var errs []error
	for _, n := range []int{1, replicasOf + 1, 1} {
		errs = append(errs, mend(ctx, func(ctx context.Context) error { return d.stack.Scale(ctx, services[f.Target], n) }))
		if pause(ctx, f.For/3) != nil {
			break
		}
	}
	errs = append(errs, mend(ctx, func(ctx context.Context) error { return d.stack.Scale(ctx, services[f.Target], replicasOf) }))
	return errors.Join(errs...)
}

// roll restarts one part after the other, each when the one before is ready.
func (d *Drill) roll(ctx context.Context, f plan.Fault, parts []stack.Part) error {
	var errs []error
	for _, part := range parts {
		if ctx.Err() != nil {
			break
		}
		func() {
			defer d.take(part)()
			errs = append(errs, d.restart(ctx, f, part))
		}()
	}
	return errors.Join(errs...)
}

func (d *Drill) settings(ctx context.Context, f plan.Fault, _ []stack.Part) error {
	c, err := d.kafka()
	if err != nil {
		return err
	}
	defer c.Close()
	var undo func(context.Context, *kgo.Client) error
	err = until(ctx, lookFor, func(ctx context.Context) (err error) { undo, err = change(ctx, c, f.Target); return err })
	if err != nil {
		return err
	}
	return hold(ctx, f, func(ctx context.Context) error {
		return until(ctx, mendFor, func(ctx context.Context) error { return undo(ctx, c) })
	})
}

func (d *Drill) move(ctx context.Context, f plan.Fault, _ []stack.Part) error {
	c, err := d.kafka()
	if err != nil {
		return err
	}
	defer c.Close()
	err = until(ctx, lookFor, func(ctx context.Context) error { return moveLeaders(ctx, c, topics[f.Target]) })
	return errors.Join(err, pause(ctx, f.For))
}
