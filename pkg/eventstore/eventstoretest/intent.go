package eventstoretest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

var intentCases = []testCase{
	{"IntentKeysAreUnique", testIntentKeys},
	{"IntentIsClaimedOnceWithinItsLease", testClaimOnce},
	{"ManyOwnersNeverShareAnIntent", testManyOwners},
	{"IntentIsRetriedParkedAndRevived", testIntentLife},
	{"NextDueKnowsDueTimesAndLeases", testNextDue},
	{"IntentsAreListedByKey", testListIntents},
	{"IntentsChangedSignals", testIntentsChanged},
}

const lease = time.Second

// second is the unit of the clock that the cases pass in.
const second = int64(1_000_000)

func intent(key string, due int64) eventstore.Intent {
	return eventstore.Intent{
		Key: key, Kind: "capture", Stream: order("1"), Payload: []byte("payload of " + key), Due: due,
		Meta: eventstore.Meta{At: 5, Correlation: "c", Causation: "d", Traceparent: "e"},
	}
}

func addIntents(t *testing.T, s eventstore.Store, intents ...eventstore.Intent) {
	t.Helper()
	check(t, commitUnit(within(t), s, eventstore.Unit{Intents: intents}))
}

func claim(t *testing.T, s eventstore.Store, owner string, now int64, limit int) []eventstore.Intent {
	t.Helper()
	got, err := s.ClaimIntents(within(t), owner, []string{"capture", "void"}, now, lease, limit)
	check(t, err)
	return got
}

func testIntentKeys(t *testing.T, h Harness) {
	ctx := within(t)
	addIntents(t, h.Store, intent("a", 10))
	changed := intent("a", 99)
	changed.Payload = []byte("other")
	addIntents(t, h.Store, changed, intent("b", 20), intent("b", 30))
	want := intent("a", 10)
	want.State, want.Attempts = eventstore.IntentPending, 1
	got := claim(t, h.Store, "me", 15, 10)
	equal(t, "the first of two under one key", got, []eventstore.Intent{want})

	check(t, commitUnit(ctx, h.Store, eventstore.Unit{FinishIntents: []string{"a", "never was"}}))
	left, err := h.Store.ListIntents(ctx, eventstore.IntentPending, "", 10)
	check(t, err)
	equal(t, "left", keys(left), []string{"b"})
	equal(t, "due", left[0].Due, int64(20))

	// One unit ends an intent and asks for its successor.
	check(t, commitUnit(ctx, h.Store, eventstore.Unit{FinishIntents: []string{"b"}, Intents: []eventstore.Intent{intent("b", 50)}}))
	left, err = h.Store.ListIntents(ctx, eventstore.IntentPending, "", 10)
	check(t, err)
	equal(t, "the successor", keys(left), []string{"b"})
	equal(t, "due of the successor", left[0].Due, int64(50))
}

func keys(intents []eventstore.Intent) []string {
	all := make([]string, len(intents))
	for i, in := range intents {
		all[i] = in.Key
	}
	return all
}

func testClaimOnce(t *testing.T, h Harness) {
	void := intent("v", 3)
	void.Kind = "void"
	other := intent("o", 1)
	other.Kind = "other"
	addIntents(t, h.Store, intent("a", 1), intent("b", 2), intent("later", 100*second), void, other)
	equal(t, "bounded, those due longest first", keys(claim(t, h.Store, "me", second, 2)), []string{"a", "b"})
	equal(t, "the rest that is due", keys(claim(t, h.Store, "you", second, 10)), []string{"v"})
	equal(t, "nothing within the lease", len(claim(t, h.Store, "you", second, 10)), 0)
	equal(t, "nothing a moment before its end", len(claim(t, h.Store, "you", 2*second-1, 10)), 0)

	again := claim(t, h.Store, "you", 2*second, 10)
	equal(t, "all when the leases ran out", keys(again), []string{"a", "b", "v"})
	equal(t, "attempts", again[0].Attempts, 2)
	equal(t, "payload", string(again[0].Payload), "payload of a")

	// The first owner wakes up: the intents are not its own any more.
	ctx := within(t)
	check(t, h.Store.RetryIntent(ctx, "me", "a", 0, "late"))
	check(t, h.Store.ParkIntent(ctx, "me", "b", "late"))
	check(t, h.Store.RetryIntent(ctx, "me", "gone", 0, "late"))
	check(t, h.Store.ParkIntent(ctx, "me", "gone", "late"))
	equal(t, "what a late owner gave back", len(claim(t, h.Store, "they", 2*second, 10)), 0)
}

func testManyOwners(t *testing.T, h Harness) {
	const owners, total = 6, 240
	intents := make([]eventstore.Intent, total)
	for i := range intents {
		intents[i] = intent(fmt.Sprint(i), int64(i%7))
	}
	addIntents(t, h.Store, intents...)
	var mu sync.Mutex
	claimed := make(map[string]int)
	var wg sync.WaitGroup
	errs := make(chan error, owners)
	ctx := within(t)
	for o := range owners {
		wg.Go(func() {
			for {
				got, err := h.Store.ClaimIntents(ctx, fmt.Sprint(o), []string{"capture"}, second, lease, 5)
				if err != nil {
					errs <- err
					return
				}
				mu.Lock()
				for _, in := range got {
					claimed[in.Key]++
				}
				finished := len(claimed) == total
				mu.Unlock()
				if finished || len(got) == 0 && ctx.Err() != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	check(t, errors.Join(drain(errs)...))
	equal(t, "claimed", len(claimed), total)
	for key, times := range claimed {
		equal(t, "claims of "+key, times, 1)
	}
}

func testIntentLife(t *testing.T, h Harness) {
	ctx := within(t)
	addIntents(t, h.Store, intent("a", 1))
	claim(t, h.Store, "me", 10, 1)
	check(t, h.Store.RetryIntent(ctx, "me", "a", 500, "timed out"))
	equal(t, "before it is due again", len(claim(t, h.Store, "me", 499, 1)), 0)
	got := claim(t, h.Store, "me", 500, 1)
	equal(t, "due again", keys(got), []string{"a"})
	equal(t, "attempts", got[0].Attempts, 2)
	equal(t, "cause", got[0].LastError, "timed out")

	check(t, h.Store.ParkIntent(ctx, "me", "a", "refused"))
	equal(t, "parked ones are left alone", len(claim(t, h.Store, "me", 100*second, 1)), 0)
	_, ok, err := h.Store.NextDue(ctx, []string{"capture"})
	check(t, err)
	equal(t, "a parked one is due", ok, false)
	parked, err := h.Store.ListIntents(ctx, eventstore.IntentParked, "", 10)
	check(t, err)
	equal(t, "parked", keys(parked), []string{"a"})
	equal(t, "cause", parked[0].LastError, "refused")

	ok, err = h.Store.ReviveIntent(ctx, "a", 900)
	check(t, err)
	equal(t, "revived", ok, true)
	for _, key := range []string{"a", "never was"} { // a is pending now
		ok, err = h.Store.ReviveIntent(ctx, key, 900)
		check(t, err)
		equal(t, "revived "+key, ok, false)
	}
	got = claim(t, h.Store, "me", 900, 1)
	equal(t, "claimed after reviving", keys(got), []string{"a"})
	equal(t, "attempts after reviving", got[0].Attempts, 1)
}

func testNextDue(t *testing.T, h Harness) {
	ctx := within(t)
	kinds := []string{"capture", "void"}
	_, ok, err := h.Store.NextDue(ctx, kinds)
	check(t, err)
	equal(t, "due when there is none", ok, false)
	other := intent("o", 1)
	other.Kind = "other"
	addIntents(t, h.Store, intent("a", 100), intent("b", 5*second), other)
	due, ok, err := h.Store.NextDue(ctx, kinds)
	check(t, err)
	equal(t, "found", ok, true)
	equal(t, "due", due, int64(100))
	claim(t, h.Store, "me", second, 10)
	due, _, err = h.Store.NextDue(ctx, kinds)
	check(t, err)
	equal(t, "end of the lease", due, 2*second)
	check(t, commitUnit(ctx, h.Store, eventstore.Unit{FinishIntents: []string{"a"}}))
	due, _, err = h.Store.NextDue(ctx, kinds)
	check(t, err)
	equal(t, "due after the first was finished", due, 5*second)
}

func testListIntents(t *testing.T, h Harness) {
	ctx := within(t)
	var want []string
	var all []eventstore.Intent
	for i := range 25 {
		all = append(all, intent(fmt.Sprintf("%02d", i*7%25), int64(i)))
		want = append(want, fmt.Sprintf("%02d", i))
	}
	addIntents(t, h.Store, all...)
	var got []string
	for after := ""; ; {
		page, err := h.Store.ListIntents(ctx, eventstore.IntentPending, after, 10)
		check(t, err)
		got = append(got, keys(page)...)
		if len(page) < 10 {
			break
		}
		after = page[9].Key
	}
	equal(t, "keys", got, want)
}

func testIntentsChanged(t *testing.T, h Harness) {
	addIntents(t, h.Store, intent("a", 1))
	select {
	case <-h.Store.IntentsChanged():
	case <-within(t).Done():
		t.Fatal("no signal after a commit with an intent")
	}
	equal(t, "claimed after the signal", len(claim(t, h.Store, "me", 1, 1)), 1)
}
