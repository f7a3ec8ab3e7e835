package intent_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/intent"
)

// startBoth runs prompt intents and deadlines.
func (b *bench) startBoth(cfg intent.Config, caughtUp func(context.Context, time.Time) error, expire intent.Executor) *runner {
	b.t.Helper()
	return b.run(cfg, intent.Deps{CaughtUp: caughtUp, Kinds: map[string]intent.Kind{
		"charge": {Execute: b.by("in parallel", b.finish)},
		"expire": {Execute: b.by("in parallel", expire), AfterInbox: true},
	}})
}

// Hazard 14: while the backlog of an outage is read, no deadline fires; what does
// not wait for others goes on.
func TestRunner_DeadlinesWaitForTheInboxAndOthersDoNot(t *testing.T) {
	bubble(t, func(b *bench) {
		caughtUp := make(chan struct{})
		var since time.Time
		b.startBoth(intent.Config{Owner: "a"}, func(ctx context.Context, moment time.Time) error {
			since = moment
			select {
			case <-caughtUp:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}, b.finish)
		b.add("expire", 10*time.Second, names("deadline", 200)...)
		b.add("charge", 20*time.Second, names("prompt", 200)...)
		pass(time.Minute)
		counts := b.counts()
		if counts["deadline0"] != 0 || len(counts) != 200 {
			t.Errorf("got executions of %d intents, of the deadline %d, want only the prompt ones", len(counts), counts["deadline0"])
		}
		close(caughtUp)
		pass(time.Second)
		if due := b.began.Add(10 * time.Second); since.Before(due) {
			t.Errorf("the inbox was asked for %v, before the deadline at %v", since, due)
		}
		if n := len(b.executions()); n != 400 {
			t.Errorf("got %d executions, want 400", n)
		}
		b.none()
	})
}

// A deadline that the backlog settled does not fire at all.
func TestRunner_ADeadlineThatTheBacklogSettledDoesNotFire(t *testing.T) {
	bubble(t, func(b *bench) {
		b.startBoth(intent.Config{Owner: "a"}, func(ctx context.Context, _ time.Time) error {
			pass(time.Minute)
			return b.finish(ctx, eventstore.Intent{Key: "settled"}) // as the inbox does with what it reads
		}, b.finish)
		b.add("expire", 0, "settled", "open")
		pass(5 * time.Minute)
		if got := b.counts(); got["settled"] != 0 || got["open"] != 1 {
			t.Errorf("got %v executions", got)
		}
	})
}

// The lease counts from the claim, not from the moment at which the wait for the
// inbox began; else what waited long would be claimed again at once.
func TestRunner_ALongWaitForTheInboxDoesNotUseUpTheLease(t *testing.T) {
	bubble(t, func(b *bench) {
		readBy := b.began.Add(10 * time.Minute)
		for _, owner := range []string{"a", "b"} {
			b.startBoth(intent.Config{Owner: owner, Lease: 30 * time.Second}, func(context.Context, time.Time) error {
				pass(time.Until(readBy))
				return nil
			}, func(ctx context.Context, in eventstore.Intent) error {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(20 * time.Second):
					return b.finish(ctx, in)
				}
			})
		}
		b.add("expire", 0, names("k", 10)...)
		pass(15 * time.Minute)
		if n := len(b.executions()); n != 10 {
			t.Errorf("got %d executions, want 10", n)
		}
		b.none()
	})
}

// Hazard 14: what became due while the inbox was waited for, for another deadline,
// has its own backlog to wait for.
func TestRunner_EachDeadlineWaitsForItsOwnDueTime(t *testing.T) {
	bubble(t, func(b *bench) {
		var proven time.Time
		b.startBoth(intent.Config{Owner: "a"}, func(_ context.Context, since time.Time) error {
			pass(10 * time.Minute)
			proven = since
			return nil
		}, func(ctx context.Context, in eventstore.Intent) error {
			if due := time.UnixMicro(in.Due); proven.Before(due) {
				t.Errorf("%s, due at %v, was executed when the inbox had proven %v", in.Key, due, proven)
			}
			return b.finish(ctx, in)
		})
		b.add("expire", 0, "first")
		b.add("expire", 5*time.Minute, "second")
		pass(30 * time.Minute)
		b.none()
	})
}

func TestRunner_AFailingBarrierIsAskedAgain(t *testing.T) {
	bubble(t, func(b *bench) {
		asked := 0
		b.startBoth(intent.Config{Owner: "a"}, func(context.Context, time.Time) error {
			if asked++; asked < 5 {
				return errors.New("broker is away")
			}
			return nil
		}, b.finish)
		b.add("expire", 0, "k")
		pass(time.Minute)
		if b.counts()["k"] != 1 || asked != 5 {
			t.Errorf("got %v executions after %d questions", b.counts(), asked)
		}
	})
}
