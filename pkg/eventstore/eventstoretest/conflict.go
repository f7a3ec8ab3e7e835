package eventstoretest

import (
	"errors"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

var conflictCases = []testCase{
	{"StaleExpectedVersionConflicts", testStaleExpected},
	{"StreamThatWasNotLoadedIsRefused", testNotLoaded},
	{"AnswerIsGivenOnce", testAnswerOnce},
	{"PositionMovesByCompareAndSet", testPositionCompareAndSet},
	{"TopicThatWasMadeAgainIsRefused", testTopicMadeAgain},
	{"RelayBatchesFollowOneAnother", testRelayBatches},
	{"LeaseMovesByCompareAndSet", testLease},
}

// wantConflict checks the kind and the numbers of a conflict.
func wantConflict(t *testing.T, err error, expected, actual int64) {
	t.Helper()
	var c *eventstore.ConflictError
	if !errors.Is(err, eventstore.ErrConflict) || !errors.As(err, &c) {
		t.Fatalf("got error %v, want a conflict", err)
	}
	if c.What == "" || c.Expected != expected || c.Actual != actual {
		t.Fatalf("got %+v, want expected %d, actual %d", *c, expected, actual)
	}
}

func testStaleExpected(t *testing.T, h Harness) {
	ctx := within(t)
	for range 3 {
		check(t, grow(ctx, h.Store, order("1")))
	}
	for _, expected := range []int64{0, 2, 4} {
		err := commit(ctx, h.Store, func(s []eventstore.Stream) eventstore.Unit {
			good, stale := growth(s[0], 1), growth(s[1], 1)
			stale.Expected = expected
			return eventstore.Unit{Changes: []eventstore.Change{good, stale}}
		}, order("0"), order("1"))
		wantConflict(t, err, expected, 3)
	}
	st, err := h.Store.Stream(ctx, order("0"))
	check(t, err)
	equal(t, "the other stream of the unit", st.Version, int64(0))
	check(t, grow(ctx, h.Store, order("1")))
}

func testNotLoaded(t *testing.T, h Harness) {
	ctx := within(t)
	err := commit(ctx, h.Store, func(s []eventstore.Stream) eventstore.Unit {
		other := growth(eventstore.Stream{ID: order("2")}, 1)
		return eventstore.Unit{Changes: []eventstore.Change{growth(s[0], 1), other}}
	}, order("1"))
	wantError(t, err, eventstore.ErrNotLoaded)
	equal(t, "rows", len(pending(t, h.Store)), 0)
}

func testAnswerOnce(t *testing.T, h Harness) {
	ctx := within(t)
	answer := eventstore.Answer{Key: "k", Digest: "d1", Status: 201, Body: []byte(`{"id":1}`), ExpiresAt: 10}
	check(t, commitUnit(ctx, h.Store, eventstore.Unit{Answers: []eventstore.Answer{answer}}))
	second := answer
	second.Digest = "d2"
	err := commit(ctx, h.Store, func(s []eventstore.Stream) eventstore.Unit {
		return eventstore.Unit{Changes: []eventstore.Change{growth(s[0], 1)}, Answers: []eventstore.Answer{second}}
	}, order("1"))
	wantError(t, err, eventstore.ErrConflict)
	st, err := h.Store.Stream(ctx, order("1"))
	check(t, err)
	equal(t, "stream of the repeated request", st.Version, int64(0))

	tx, err := h.Store.Begin(ctx)
	check(t, err)
	defer tx.Rollback()
	got, ok, err := tx.Answer(ctx, "k")
	check(t, err)
	equal(t, "found", ok, true)
	equal(t, "answer", got, answer)
	_, ok, err = tx.Answer(ctx, "other")
	check(t, err)
	equal(t, "other found", ok, false)
}

func move(from, to int64) eventstore.Unit {
	return eventstore.Unit{Moves: []eventstore.Move{{Topic: "orders", Partition: 3, TopicID: "id-1", From: from, To: to}}}
}

func testPositionCompareAndSet(t *testing.T, h Harness) {
	ctx := within(t)
	_, ok, err := h.Store.Position(ctx, "orders", 3)
	check(t, err)
	equal(t, "a position before anything was read", ok, false)
	// The log of a compacted topic need not start at 0.
	check(t, commitUnit(ctx, h.Store, move(100, 110)))
	check(t, commitUnit(ctx, h.Store, move(110, 110)))
	check(t, commitUnit(ctx, h.Store, move(110, 115)))

	// A zombie that still reads at 110: its effects are undone.
	err = commit(ctx, h.Store, func(s []eventstore.Stream) eventstore.Unit {
		u := move(110, 120)
		u.Changes = []eventstore.Change{growth(s[0], 1)}
		return u
	}, order("1"))
	wantConflict(t, err, 110, 115)
	wantConflict(t, commitUnit(ctx, h.Store, move(0, 5)), 0, 115)
	if err := commitUnit(ctx, h.Store, move(115, 90)); err == nil {
		t.Fatal("a position moved back")
	}
	equal(t, "rows", len(pending(t, h.Store)), 0)
	p, ok, err := h.Store.Position(ctx, "orders", 3)
	check(t, err)
	equal(t, "found", ok, true)
	equal(t, "position", p, eventstore.Position{Topic: "orders", Partition: 3, TopicID: "id-1", Next: 115})

	other := move(0, 7)
	other.Moves[0].Partition = 1
	check(t, commitUnit(ctx, h.Store, other))
	all, err := h.Store.Positions(ctx)
	check(t, err)
	equal(t, "positions", all, []eventstore.Position{{Topic: "orders", Partition: 1, TopicID: "id-1", Next: 7}, p})
}

// Hazard: a topic that was deleted and created again starts at 0 with other
// records; going on at the old offset would skip them silently.
func testTopicMadeAgain(t *testing.T, h Harness) {
	ctx := within(t)
	check(t, commitUnit(ctx, h.Store, move(0, 10)))
	again := move(10, 20)
	again.Moves[0].TopicID = "id-2"
	wantError(t, commitUnit(ctx, h.Store, again), eventstore.ErrConflict)
	check(t, commitUnit(ctx, h.Store, move(10, 20)))
}

// Hazard: a relay that was replaced, and wakes up late, must not delete rows
// in the name of a batch that is over.
func testRelayBatches(t *testing.T, h Harness) {
	ctx := within(t)
	for _, id := range []string{"1", "2", "3"} {
		check(t, grow(ctx, h.Store, order(id)))
	}
	rows := rowIDs(pending(t, h.Store))
	start, err := h.Store.RelayState(ctx, "relay")
	check(t, err)
	equal(t, "first batch", start.Batch, int64(0))

	state := eventstore.RelayState{StoreEpoch: start.StoreEpoch, Batch: 1, PositionTopicID: "p", PositionOffset: 42}
	wantConflict(t, h.Store.Published(ctx, "relay", rows[:1], eventstore.RelayState{Batch: 2}), 1, 0)
	check(t, h.Store.Published(ctx, "relay", rows[:1], state))
	wantConflict(t, h.Store.Published(ctx, "relay", rows[1:], state), 0, 1)
	equal(t, "rows after a late call", len(pending(t, h.Store)), 2)
	state.Batch = 2
	check(t, h.Store.Published(ctx, "relay", rows[:2], state)) // one is gone already
	got, err := h.Store.RelayState(ctx, "relay")
	check(t, err)
	equal(t, "state", got, state)
	equal(t, "rows", rowIDs(pending(t, h.Store)), rows[2:])

	check(t, h.Store.Published(ctx, "other", nil, eventstore.RelayState{StoreEpoch: start.StoreEpoch, Batch: 1}))
	got, err = h.Store.RelayState(ctx, "relay")
	check(t, err)
	equal(t, "state after another relay's batch", got, state)
}

// Hazard: the holder of a lease is told by a counter, never by a clock.
func testLease(t *testing.T, h Harness) {
	ctx := within(t)
	none, err := h.Store.Lease(ctx, "relay")
	check(t, err)
	equal(t, "lease that nobody held", none, eventstore.LeaseState{})
	a, err := h.Store.SwapLease(ctx, "relay", none, "a")
	check(t, err)
	equal(t, "owner", a.Owner, "a")
	_, err = h.Store.SwapLease(ctx, "relay", none, "b")
	wantError(t, err, eventstore.ErrConflict)
	renewed, err := h.Store.SwapLease(ctx, "relay", a, "a")
	check(t, err)
	if renewed.Counter == a.Counter {
		t.Fatalf("renewing left the counter at %d", a.Counter)
	}
	_, err = h.Store.SwapLease(ctx, "relay", a, "b") // b looked before a renewed
	wantError(t, err, eventstore.ErrConflict)
	b, err := h.Store.SwapLease(ctx, "relay", renewed, "b")
	check(t, err)
	got, err := h.Store.Lease(ctx, "relay")
	check(t, err)
	equal(t, "lease", got, b)
	_, err = h.Store.SwapLease(ctx, "relay", renewed, "a")
	wantError(t, err, eventstore.ErrConflict)
}
