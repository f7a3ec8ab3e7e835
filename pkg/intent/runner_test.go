package intent_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/aggregate/aggregatetest"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/intent"
)

func TestRunner_ExecutesAnIntentOnceItIsDue(t *testing.T) {
	bubble(t, func(b *bench) {
		b.start(intent.Config{Owner: "a"}, b.finish)
		synctest.Wait()
		b.add("charge", 0, "now")
		b.add("charge", 90*time.Second, "later")
		b.add("other kind", 0, "not mine")
		pass(10 * time.Minute)
		runs := b.executions()
		if len(runs) != 2 || runs[0].key != "now" || runs[1].key != "later" || runs[0].attempt != 1 {
			t.Fatalf("got %v", runs)
		}
		b.within("now", runs[0].after, 0, 0)
		b.within("later", runs[1].after, 90*time.Second, 90*time.Second+2*time.Millisecond)
		if left := b.list(eventstore.IntentPending); len(left) != 1 || left[0].Key != "not mine" {
			t.Errorf("got %v left", left)
		}
	})
}

func TestRunner_NeverExecutesInsideATransaction(t *testing.T) {
	bubble(t, func(b *bench) {
		b.start(intent.Config{Owner: "a"}, func(ctx context.Context, in eventstore.Intent) error {
			pass(time.Second)
			if open := b.store.Open(); open != 0 {
				t.Errorf("executed with %d units of work under way", open)
			}
			b.add("other kind", 0, "meanwhile") // the database is free for others
			return b.finish(ctx, in)
		})
		b.add("charge", 0, "k")
		pass(time.Minute)
		if left := b.list(eventstore.IntentPending); len(left) != 1 || left[0].Key != "meanwhile" {
			t.Errorf("got %v", left)
		}
	})
}

func TestRunner_TriesAgainWithGrowingPauses(t *testing.T) {
	bubble(t, func(b *bench) {
		const attempts = 12
		b.start(intent.Config{Owner: "a", RetryInitial: 100 * time.Millisecond, RetryMax: 5 * time.Second}, func(ctx context.Context, in eventstore.Intent) error {
			if in.Attempts < attempts {
				return errGateway
			}
			return b.finish(ctx, in)
		})
		b.add("charge", 0, "k")
		pass(time.Second)
		if list := b.list(eventstore.IntentPending); len(list) != 1 || list[0].LastError != errGateway.Error() {
			t.Errorf("got %v, want the last error kept", list)
		}
		pass(10 * time.Minute)
		runs := b.executions()
		if len(runs) != attempts {
			t.Fatalf("got %d attempts, want %d", len(runs), attempts)
		}
		wait := 100 * time.Millisecond
		for i := 1; i < attempts; i++ {
			b.within(fmt.Sprint("pause ", i), runs[i].after-runs[i-1].after, wait/2, wait+2*time.Millisecond)
			wait = min(2*wait, 5*time.Second)
		}
		b.none()
	})
}

func TestRunner_ParksAfterManyAttemptsUntilRevived(t *testing.T) {
	bubble(t, func(b *bench) {
		mended := false
		b.start(intent.Config{Owner: "a", GiveUpAfter: 5}, func(ctx context.Context, in eventstore.Intent) error {
			if !mended {
				return errGateway
			}
			return b.finish(ctx, in)
		})
		b.add("charge", 0, "k")
		pass(20 * time.Minute)
		parked := b.list(eventstore.IntentParked)
		if len(b.executions()) != 5 || len(parked) != 1 || parked[0].LastError != errGateway.Error() {
			t.Fatalf("got %d executions, parked %v", len(b.executions()), parked)
		}
		mended = true
		ok, err := b.store.ReviveIntent(t.Context(), "k", time.Now().UnixMicro())
		if !ok || err != nil {
			t.Fatalf("revive: %v, %v", ok, err)
		}
		pass(time.Second)
		if runs := b.executions(); len(runs) != 6 || runs[5].attempt != 1 {
			t.Errorf("got %v, want one more, counted from 1", runs)
		}
		b.none()
	})
}

func TestRunner_ParksAtOnceWhatNoAttemptCanMend(t *testing.T) {
	bubble(t, func(b *bench) {
		b.start(intent.Config{Owner: "a"}, func(context.Context, eventstore.Intent) error {
			return fmt.Errorf("charge: %w", intent.Permanent(errors.New(strings.Repeat("no such card ", 10_000))))
		})
		b.add("charge", 0, "k")
		pass(15 * time.Minute)
		parked := b.list(eventstore.IntentParked)
		if len(b.executions()) != 1 || len(parked) != 1 || !strings.HasPrefix(parked[0].LastError, "charge: no such card") {
			t.Fatalf("got %d executions, parked %v", len(b.executions()), parked)
		}
		if n := len(parked[0].LastError); n > 5000 {
			t.Errorf("%d bytes of the error are kept", n)
		}
	})
	if intent.Permanent(nil) != nil {
		t.Error("no error became one")
	}
}

func TestRunner_SeveralShareTheWorkWithoutDoingItTwice(t *testing.T) {
	bubble(t, func(b *bench) {
		for _, owner := range []string{"a", "b", "c"} {
			b.start(intent.Config{Owner: owner, Concurrency: 10}, func(ctx context.Context, in eventstore.Intent) error {
				pass(20 * time.Second) // most of a lease
				return b.finish(ctx, in)
			})
		}
		b.add("charge", time.Second, names("k", 100)...)
		pass(15 * time.Minute)
		owners := make(map[string]int)
		for _, e := range b.executions() {
			owners[e.owner]++
		}
		if len(b.counts()) != 100 || len(b.executions()) != 100 || len(owners) != 3 || b.peak() > 30 {
			t.Errorf("got %d executions of %d intents by %v, %d at once", len(b.executions()), len(b.counts()), owners, b.peak())
		}
		b.none()
	})
}

func TestRunner_TakesOverFromACrashedOwnerWhenItsLeaseEnds(t *testing.T) {
	bubble(t, func(b *bench) {
		b.add("charge", 0, "k")
		claimed, err := b.store.ClaimIntents(t.Context(), "crashed", []string{"charge"}, time.Now().UnixMicro(), 30*time.Second, 10)
		if len(claimed) != 1 || err != nil {
			t.Fatalf("claim: %v, %v", claimed, err)
		}
		b.start(intent.Config{Owner: "a"}, b.finish)
		pass(time.Minute)
		runs := b.executions()
		if len(runs) != 1 || runs[0].attempt != 2 {
			t.Fatalf("got %v", runs)
		}
		b.within("takeover", runs[0].after, 30*time.Second, 31*time.Second)
		b.none()
	})
}

func TestRunner_GivesBackWhatItStopsIn(t *testing.T) {
	bubble(t, func(b *bench) {
		stopping := b.start(intent.Config{Owner: "a", RetryInitial: 20 * time.Second}, func(ctx context.Context, _ eventstore.Intent) error {
			<-ctx.Done()
			return ctx.Err()
		})
		b.add("charge", 0, "k")
		pass(5 * time.Second)
		stopping.stop()
		b.start(intent.Config{Owner: "b"}, b.finish)
		pass(time.Second) // its lease would last for another 25
		if runs := b.executions(); len(runs) != 2 || runs[1].owner != "b" {
			t.Errorf("got %v", runs)
		}
		b.none()
	})
}

func TestRunner_AnExecutionEndsWithItsLease(t *testing.T) {
	bubble(t, func(b *bench) {
		b.start(intent.Config{Owner: "a", Lease: 10 * time.Second}, func(ctx context.Context, in eventstore.Intent) error {
			if in.Attempts == 1 {
				<-ctx.Done()
				b.within("lease", time.Since(b.began), 10*time.Second, 10*time.Second)
				return ctx.Err()
			}
			return b.finish(ctx, in)
		})
		b.add("charge", 0, "k")
		pass(time.Minute)
		if n := len(b.executions()); n != 2 {
			t.Errorf("got %d executions", n)
		}
		b.none()
	})
}

func TestRunner_APanicIsAFailureOfItsIntentOnly(t *testing.T) {
	bubble(t, func(b *bench) {
		b.start(intent.Config{Owner: "a"}, func(ctx context.Context, in eventstore.Intent) error {
			if in.Key == "bad" && in.Attempts < 3 {
				panic("no such luck")
			}
			return b.finish(ctx, in)
		})
		b.add("charge", 0, "bad", "good")
		pass(150 * time.Millisecond)
		if list := b.list(eventstore.IntentPending); len(list) > 1 || len(list) == 1 && !strings.Contains(list[0].LastError, "panic: no such luck") {
			t.Errorf("got %v", list)
		}
		pass(time.Minute)
		if got := b.counts(); got["bad"] != 3 || got["good"] != 1 {
			t.Errorf("got %v executions", got)
		}
		b.none()
	})
}

func TestRunner_GoesOnAfterTheDatabaseWasAway(t *testing.T) {
	bubble(t, func(b *bench) {
		b.start(intent.Config{Owner: "a"}, func(ctx context.Context, in eventstore.Intent) error {
			if in.Key == "in between" && in.Attempts == 1 {
				b.store.SetAway(true) // neither the outcome nor the retry can be written
				return errGateway
			}
			return b.finish(ctx, in)
		})
		b.add("charge", 0, "before")
		pass(time.Second)
		b.add("charge", 2*time.Second, "in between")
		b.add("charge", 3*time.Second, "after")
		pass(9 * time.Second)
		if b.store.Refused() == 0 {
			t.Fatal("the database was not asked while it was away")
		}
		if b.store.Refused() > 1000 {
			t.Errorf("it was asked %d times in some seconds", b.store.Refused())
		}
		b.store.SetAway(false)
		pass(time.Second)
		if got := b.counts(); got["after"] != 1 || got["in between"] != 1 {
			t.Errorf("got %v executions: want the one that was due by now, the other when its lease ends", got)
		}
		pass(time.Minute)
		if got := b.counts(); got["before"] != 1 || got["in between"] != 2 || got["after"] != 1 {
			t.Errorf("got %v executions", got)
		}
		b.none()
	})
}

// The outcome was committed, but the executor does not know: there is nothing to
// try again.
func TestRunner_AnUnknownOutcomeThatLandedIsTheEnd(t *testing.T) {
	bubble(t, func(b *bench) {
		b.start(intent.Config{Owner: "a"}, b.finish)
		b.store.OnCommit(aggregatetest.Landed)
		b.add("charge", 0, "landed")
		pass(time.Minute)
		b.store.Once(aggregatetest.Vanished)
		b.add("charge", 0, "lost")
		pass(time.Minute)
		if got := b.counts(); got["landed"] != 1 || got["lost"] != 2 {
			t.Errorf("got %v executions", got)
		}
		b.none()
	})
}

func TestRunner_AConflictIsTriedAgainSoon(t *testing.T) {
	bubble(t, func(b *bench) {
		b.start(intent.Config{Owner: "a", RetryInitial: 10 * time.Second, RetryMax: time.Minute}, func(ctx context.Context, in eventstore.Intent) error {
			if in.Attempts < 4 {
				return &eventstore.ConflictError{What: "stream", Expected: 1, Actual: 2}
			}
			return b.finish(ctx, in)
		})
		b.add("charge", 0, "k")
		pass(10 * time.Second)
		if n := len(b.executions()); n != 4 {
			t.Errorf("got %d executions within the first pause", n)
		}
		b.none()
	})
}

// An executor that forgets to finish its intent is found out when the lease ends.
func TestRunner_WhatIsNotFinishedIsExecutedAgain(t *testing.T) {
	bubble(t, func(b *bench) {
		b.start(intent.Config{Owner: "a", Lease: 10 * time.Second}, func(ctx context.Context, in eventstore.Intent) error {
			if in.Attempts == 1 {
				return nil
			}
			return b.finish(ctx, in)
		})
		b.add("charge", 0, "k")
		pass(time.Minute)
		runs := b.executions()
		if len(runs) != 2 {
			t.Fatalf("got %v", runs)
		}
		b.within("again", runs[1].after, 10*time.Second, 11*time.Second)
	})
}

// counting counts how often the runner asks when something is due.
type counting struct {
	*aggregatetest.Store
	asked atomic.Int64
}

func (c *counting) NextDue(ctx context.Context, kinds []string) (int64, bool, error) {
	c.asked.Add(1)
	return c.Store.NextDue(ctx, kinds)
}

// Each order makes a deadline, and each deadline wakes all replicas: one question
// tells them what they have to know.
func TestRunner_AsksOnceForEachSignal(t *testing.T) {
	bubble(t, func(b *bench) {
		const signals = 50
		store := &counting{Store: b.store}
		b.run(intent.Config{Owner: "a", Poll: time.Hour}, intent.Deps{Store: store, Kinds: map[string]intent.Kind{"charge": {Execute: b.by("a", b.finish)}}})
		pass(time.Second)
		before := store.asked.Load()
		for _, key := range names("k", signals) {
			b.add("charge", time.Hour, key)
			pass(time.Second)
		}
		if asked := store.asked.Load() - before; asked != signals {
			t.Errorf("the database was asked %d times after %d signals", asked, signals)
		}
		pass(time.Hour)
		if n := len(b.executions()); n != signals {
			t.Errorf("got %d executions when they were due, want %d", n, signals)
		}
		b.none()
	})
}

// taken is a store in which somebody else is about to claim what is due, and takes
// his time for it.
type taken struct {
	*counting
	until time.Time
}

func (s *taken) ClaimIntents(ctx context.Context, owner string, kinds []string, now int64, lease time.Duration, limit int) ([]eventstore.Intent, error) {
	if time.Now().Before(s.until) {
		return nil, nil
	}
	return s.counting.ClaimIntents(ctx, owner, kinds, now, lease, limit)
}

func TestRunner_LeavesABusyDatabaseAloneWhileOthersClaim(t *testing.T) {
	bubble(t, func(b *bench) {
		const busy, poll = 10 * time.Second, 250 * time.Millisecond
		store := &taken{counting: &counting{Store: b.store}, until: b.began.Add(busy)}
		b.run(intent.Config{Owner: "a", Poll: poll}, intent.Deps{Store: store, Kinds: map[string]intent.Kind{"charge": {Execute: b.by("a", b.finish)}}})
		b.add("charge", 0, "k")
		pass(busy)
		if asked, most := store.asked.Load(), int64(busy/poll)+20; asked > most {
			t.Errorf("the database was asked %d times in %v, want at most %d", asked, busy, most)
		}
		pass(2 * poll)
		if b.counts()["k"] != 1 {
			t.Errorf("what nobody took in the end was not executed: %v", b.counts())
		}
		b.none()
	})
}

func TestRunner_WaitsForASlotWithoutAskingTheDatabase(t *testing.T) {
	bubble(t, func(b *bench) {
		store := &counting{Store: b.store}
		b.run(intent.Config{Owner: "a", Concurrency: 3, Lease: time.Hour}, intent.Deps{Store: store, Kinds: map[string]intent.Kind{
			"charge": {Execute: b.by("a", func(ctx context.Context, in eventstore.Intent) error {
				pass(10 * time.Second)
				return b.finish(ctx, in)
			})},
		}})
		b.add("charge", 0, names("k", 9)...)
		pass(29 * time.Second)
		if len(b.executions()) != 9 || b.peak() != 3 {
			t.Errorf("got %d executions, %d at once, want 9 in three rounds of three", len(b.executions()), b.peak())
		}
		if store.asked.Load() > 100 {
			t.Errorf("the database was asked %d times while all slots were taken", store.asked.Load())
		}
		pass(10 * time.Second)
		b.none()
	})
}

func TestNew_ReportsAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := intent.New(intent.Config{Concurrency: -1, Lease: -1}, intent.Deps{Kinds: map[string]intent.Kind{
		"nothing": {}, "deadline": {Execute: func(context.Context, eventstore.Intent) error { return nil }, AfterInbox: true},
	}})
	for _, want := range []string{"owner is empty", "store and at least one kind", `"nothing" has no executor`, `"deadline" waits for the inbox`, "concurrency is -1", "lease -1ns"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to name %q", err, want)
		}
	}
}
