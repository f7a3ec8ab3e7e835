package eventstoretest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

var lockCases = []testCase{
	{"LoadOutOfOrderIsRefused", testLockOrder},
	{"CrossingUnitsDoNotDeadlock", testCrossingUnits},
	{"ObservationsOfANewStreamSeeEachOther", testWriteSkew},
	{"LoadWaitsForTheUnitThatHoldsTheStream", testLoadWaits},
	{"UnitsOfOtherStreamsDoNotWait", testOthersDoNotWait},
	{"WaitingEndsWithTheContext", testWaitingEnds},
}

func testLockOrder(t *testing.T, h Harness) {
	ctx := within(t)
	tx, err := h.Store.Begin(ctx)
	check(t, err)
	defer tx.Rollback()
	_, err = tx.Load(ctx, order("b"), order("d"))
	check(t, err)
	_, err = tx.Load(ctx, order("c"))
	wantError(t, err, eventstore.ErrLockOrder)
	var wrong *eventstore.LockOrderError
	if !errors.As(err, &wrong) || wrong.Asked != order("c") || wrong.Held != order("d") {
		t.Fatalf("got %v, want c asked after d", err)
	}
	_, err = tx.Load(ctx, order("d"), order("b"), order("e"))
	check(t, err)
}

// Hazard 12: many streams in one unit, taken in different orders by the
// callers.
func testCrossingUnits(t *testing.T, h Harness) {
	ctx := within(t)
	const rounds, streams = 30, 40
	forward := make([]eventstore.StreamID, streams)
	backward := make([]eventstore.StreamID, streams)
	for i := range streams {
		forward[i] = eventstore.StreamID{Kind: "stock", ID: fmt.Sprint(i)}
		backward[streams-1-i] = forward[i]
	}
	var wg sync.WaitGroup
	errs := make(chan error, 4)
	for w := range 4 {
		wg.Go(func() {
			ids := forward
			if w%2 == 1 {
				ids = backward
			}
			for range rounds {
				if err := grow(ctx, h.Store, ids...); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	check(t, errors.Join(drain(errs)...))
	for _, id := range forward {
		st, err := h.Store.Stream(ctx, id)
		check(t, err)
		equal(t, "version", st.Version, int64(4*rounds))
	}
}

// observe adds a mark to what was observed of a stream, without an event, and
// returns what it found there.
func observe(ctx context.Context, s eventstore.Store, id eventstore.StreamID, mark string) (found string, err error) {
	err = commit(ctx, s, func(streams []eventstore.Stream) eventstore.Unit {
		st := streams[0]
		found = string(st.Observed)
		return eventstore.Unit{Changes: []eventstore.Change{{
			Stream: id, Expected: st.Version, State: st.State, Observed: append(st.Observed, mark...),
		}}}
	}, id)
	return found, err
}

// Hazard 11: P observes that the payment is authorized, R that the stock is
// reserved, of an order that has no row yet. There is no event and so no
// version to conflict on: if neither sees the other, nobody ever confirms.
func testWriteSkew(t *testing.T, h Harness) {
	ctx := within(t)
	for round := range 60 {
		id := order(fmt.Sprintf("new-%d", round))
		var wg sync.WaitGroup
		var saw [2]string
		var errs [2]error
		for i, mark := range []string{"P", "R"} {
			wg.Go(func() { saw[i], errs[i] = observe(ctx, h.Store, id, mark) })
		}
		wg.Wait()
		check(t, errors.Join(errs[:]...))
		if (saw[0] == "" && saw[1] == "P") == (saw[1] == "" && saw[0] == "R") {
			t.Fatalf("P saw %q, R saw %q: one of them must see the other", saw[0], saw[1])
		}
	}
}

func testLoadWaits(t *testing.T, h Harness) {
	ctx := within(t)
	first, err := h.Store.Begin(ctx)
	check(t, err)
	defer first.Rollback()
	_, err = first.Load(ctx, order("new"))
	check(t, err)

	saw := make(chan string, 1)
	errs := make(chan error, 1)
	go func() {
		found, err := observe(ctx, h.Store, order("new"), "R")
		saw <- found
		errs <- err
	}()
	select {
	case found := <-saw:
		t.Fatalf("loaded %q while another unit held the stream", found)
	case <-time.After(50 * time.Millisecond): // a store without locks is done by now
	}
	check(t, first.Commit(ctx, eventstore.Unit{Changes: []eventstore.Change{{Stream: order("new"), Observed: []byte("P")}}}))
	equal(t, "what the second unit saw", <-saw, "P")
	check(t, <-errs)
}

func testOthersDoNotWait(t *testing.T, h Harness) {
	ctx := within(t)
	first, err := h.Store.Begin(ctx)
	check(t, err)
	defer first.Rollback()
	_, err = first.Load(ctx, order("1"))
	check(t, err)
	if h.ConcurrentWriters {
		check(t, grow(ctx, h.Store, order("2")))
	}
	// Readers never wait.
	_, err = h.Store.Stream(ctx, order("1"))
	check(t, err)
	check(t, first.Commit(ctx, eventstore.Unit{}))
	check(t, grow(ctx, h.Store, order("1"), order("2")))
}

func testWaitingEnds(t *testing.T, h Harness) {
	ctx := within(t)
	first, err := h.Store.Begin(ctx)
	check(t, err)
	defer first.Rollback()
	_, err = first.Load(ctx, order("1"))
	check(t, err)

	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if err := grow(short, h.Store, order("1")); err == nil {
		t.Fatal("wrote to a stream that another unit holds")
	} else if ctx.Err() != nil {
		t.Fatalf("waited for %s instead of 20 ms: %v", patience, err)
	}
	check(t, first.Commit(ctx, eventstore.Unit{}))
	check(t, grow(ctx, h.Store, order("1")))
	st, err := h.Store.Stream(ctx, order("1"))
	check(t, err)
	equal(t, "version", st.Version, int64(1))
}
