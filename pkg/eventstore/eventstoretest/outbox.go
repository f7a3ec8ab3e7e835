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

var outboxCases = []testCase{
	{"RowsAreNeverNamedTwice", testRowsNamedOnce},
	{"RowsOfAKeyAppearInTheOrderOfVersions", testOutboxOrder},
	{"PendingIsBounded", testPendingBounded},
	{"TombstoneIsNotAnEmptyValue", testTombstone},
	{"BacklogCountsAndDates", testBacklog},
	{"CommittedSignalsNewRows", testCommittedSignal},
	{"StoreEpochIsStable", testStoreEpoch},
	{"StoreEpochIsRenewedOnDemand", testRenewEpoch},
}

// Hazard 1: a table that was emptied, and one that was opened again, must not
// name a new row like an old one: recovery deletes rows by their names.
func testRowsNamedOnce(t *testing.T, h Harness) {
	ctx := within(t)
	s := h.Store
	seen := make(map[eventstore.RowID]bool)
	state := eventstore.RelayState{}
	for round := range 4 {
		for _, id := range []string{"1", "2", "3"} {
			check(t, grow(ctx, s, order(id)))
		}
		rows := rowIDs(pending(t, s))
		equal(t, "rows", len(rows), 3)
		for _, id := range rows {
			if seen[id] {
				t.Fatalf("round %d: row %+v was there before", round, id)
			}
			seen[id] = true
		}
		old := rows
		state.Batch++
		check(t, s.Published(ctx, "relay", rows, state))
		s = h.Reopen(t)

		// The rows that were deleted are named again, as a recovery would: the
		// new rows stay.
		check(t, grow(ctx, s, order("4")))
		state.Batch++
		check(t, s.Published(ctx, "relay", old, state))
		rows = rowIDs(pending(t, s))
		equal(t, "rows of the next unit", rows, []eventstore.RowID{{Stream: order("4"), Version: int64(round) + 1}})
		state.Batch++
		check(t, s.Published(ctx, "relay", rows, state))
	}
}

// A reader that walks the outbox while many write to the same keys.
func testOutboxOrder(t *testing.T, h Harness) {
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	const writers, rounds, streams = 6, 40, 4
	var wg sync.WaitGroup
	errs := make(chan error, writers)
	for w := range writers {
		wg.Go(func() {
			for r := range rounds {
				if err := grow(ctx, h.Store, order(fmt.Sprint((w*r+r)%streams))); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	published := make(map[eventstore.StreamID]int64)
	state := eventstore.RelayState{}
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		for drained := false; !drained; {
			rows, err := h.Store.Pending(ctx, 0, 7, 1<<20)
			check(t, err)
			for _, r := range rows {
				if r.Version != published[r.Stream]+1 {
					t.Fatalf("%s: version %d after %d", r.Stream, r.Version, published[r.Stream])
				}
				published[r.Stream] = r.Version
			}
			state.Batch++
			check(t, h.Store.Published(ctx, "relay", rowIDs(rows), state))
			drained = len(rows) == 0
		}
	}
	close(errs)
	check(t, errors.Join(drain(errs)...))
	sum := int64(0)
	for _, v := range published {
		sum += v
	}
	equal(t, "rows", sum, int64(writers*rounds))
}

func testPendingBounded(t *testing.T, h Harness) {
	ctx := within(t)
	ids := make([]eventstore.StreamID, 20)
	for i := range ids {
		ids[i] = order(fmt.Sprintf("%02d", i))
	}
	check(t, grow(ctx, h.Store, ids...))
	size := record(ids[0], 1).Size()
	var all []eventstore.OutboxRow
	for after := int64(0); ; {
		rows, err := h.Store.Pending(ctx, after, 7, 1<<20)
		check(t, err)
		if len(rows) > 7 {
			t.Fatalf("got %d rows, want at most 7", len(rows))
		}
		if len(rows) == 0 {
			break
		}
		for _, r := range rows {
			if r.Seq <= after {
				t.Fatalf("row %+v after %d", r, after)
			}
			after = r.Seq
		}
		all = append(all, rows...)
	}
	equal(t, "rows of all pages", all, pending(t, h.Store))
	equal(t, "number of rows", len(all), 20)
	few, err := h.Store.Pending(ctx, 0, 20, 5*size)
	check(t, err)
	if len(few) < 4 || len(few) > 6 {
		t.Fatalf("got %d rows for the bytes of 5", len(few))
	}
	one, err := h.Store.Pending(ctx, 0, 20, 1)
	check(t, err)
	equal(t, "rows when one is larger than the bound", len(one), 1)
}

func testTombstone(t *testing.T, h Harness) {
	ctx := within(t)
	check(t, commit(ctx, h.Store, func(s []eventstore.Stream) eventstore.Unit {
		tombstone, empty := growth(s[0], 1), growth(s[1], 1)
		tombstone.Record.Value, tombstone.Record.Headers = nil, nil
		empty.Record.Value = []byte{}
		return eventstore.Unit{Changes: []eventstore.Change{tombstone, empty}}
	}, order("1"), order("2")))
	rows := pending(t, h.Store)
	equal(t, "tombstone", rows[0].Record.Value == nil, true)
	equal(t, "headers", len(rows[0].Record.Headers), 0)
	equal(t, "empty value", rows[1].Record.Value != nil && len(rows[1].Record.Value) == 0, true)
}

func testBacklog(t *testing.T, h Harness) {
	ctx := within(t)
	n, oldest, err := h.Store.Backlog(ctx)
	check(t, err)
	equal(t, "empty backlog", []int64{n, oldest}, []int64{0, 0})
	before := time.Now().Add(-time.Minute).UnixMicro()
	check(t, grow(ctx, h.Store, order("1"), order("2")))
	check(t, grow(ctx, h.Store, order("1")))
	n, oldest, err = h.Store.Backlog(ctx)
	check(t, err)
	equal(t, "rows", n, int64(3))
	if after := time.Now().Add(time.Minute).UnixMicro(); oldest < before || oldest > after {
		t.Fatalf("oldest is %d, want about now, %d", oldest, after)
	}
	check(t, h.Store.Published(ctx, "relay", rowIDs(pending(t, h.Store)), eventstore.RelayState{Batch: 1}))
	n, oldest, err = h.Store.Backlog(ctx)
	check(t, err)
	equal(t, "backlog after publishing", []int64{n, oldest}, []int64{0, 0})
}

func testCommittedSignal(t *testing.T, h Harness) {
	ctx := within(t)
	check(t, grow(ctx, h.Store, order("1")))
	select {
	case <-h.Store.Committed():
	case <-ctx.Done():
		t.Fatal("no signal after a commit with a record")
	}
	rows, err := h.Store.Pending(ctx, 0, 1, 1)
	check(t, err)
	equal(t, "rows that can be seen after the signal", len(rows), 1)
}

// Hazard 9: what is restored from a backup keeps the identity of the database,
// so that the log can be compared with it; another database has another.
func testStoreEpoch(t *testing.T, h Harness) {
	ctx := within(t)
	first, err := h.Store.RelayState(ctx, "relay")
	check(t, err)
	if len(first.StoreEpoch) < 16 {
		t.Fatalf("store epoch %q is too short to be unique", first.StoreEpoch)
	}
	check(t, grow(ctx, h.Store, order("1")))
	check(t, h.Store.Published(ctx, "relay", rowIDs(pending(t, h.Store)),
		eventstore.RelayState{StoreEpoch: first.StoreEpoch, Batch: 1, PositionTopicID: "p", PositionOffset: 7}))
	again, err := h.Reopen(t).RelayState(ctx, "relay")
	check(t, err)
	equal(t, "state after opening again", again,
		eventstore.RelayState{StoreEpoch: first.StoreEpoch, Batch: 1, PositionTopicID: "p", PositionOffset: 7})
}

// Hazard 9: whoever goes on from a restored backup says so, and nobody who
// still publishes for the database as it was can end a batch.
func testRenewEpoch(t *testing.T, h Harness) {
	ctx := within(t)
	before, err := h.Store.RelayState(ctx, "relay")
	check(t, err)
	check(t, grow(ctx, h.Store, order("1")))
	renewer, ok := h.Store.(eventstore.EpochRenewer)
	if !ok {
		t.Fatal("the driver cannot renew the store epoch")
	}
	epoch, err := renewer.RenewEpoch(ctx)
	check(t, err)
	if epoch == before.StoreEpoch || len(epoch) < 16 {
		t.Fatalf("renewed %q to %q", before.StoreEpoch, epoch)
	}
	rows := rowIDs(pending(t, h.Store))
	late := eventstore.RelayState{StoreEpoch: before.StoreEpoch, Batch: 1}
	wantError(t, h.Store.Published(ctx, "relay", rows, late), eventstore.ErrConflict)
	equal(t, "rows after a late call", len(pending(t, h.Store)), 1)
	s := h.Reopen(t)
	after, err := s.RelayState(ctx, "relay")
	check(t, err)
	equal(t, "epoch after opening again", after.StoreEpoch, epoch)
	check(t, s.Published(ctx, "relay", rows, eventstore.RelayState{StoreEpoch: epoch, Batch: 1}))
}
