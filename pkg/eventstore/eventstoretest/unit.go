package eventstoretest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

var unitCases = []testCase{
	{"LoadReturnsStubsInTheOrderAsked", testLoadReturnsStubs},
	{"CommitWritesEveryPartAsGiven", testCommitWritesEveryPart},
	{"EmptyUnitSucceeds", testEmptyUnit},
	{"ObservationKeepsTheVersion", testObservationKeepsVersion},
	{"PublishedFollowsTheRecords", testPublishedFollowsRecords},
	{"VersionsAreGaplessUnderConcurrentWriters", testGaplessVersions},
	{"UnitOfAThousandStreams", testThousandStreams},
	{"EndedUnitIsOver", testEndedUnit},
}

func testLoadReturnsStubs(t *testing.T, h Harness) {
	ctx := within(t)
	check(t, grow(ctx, h.Store, order("b")))
	tx, err := h.Store.Begin(ctx)
	check(t, err)
	defer tx.Rollback()
	got, err := tx.Load(ctx, order("c"), order("b"), order("a"), order("b"))
	check(t, err)
	b := eventstore.Stream{ID: order("b"), Version: 1, Published: 1, State: stateAt(1)}
	equal(t, "streams", got, []eventstore.Stream{{ID: order("c")}, b, {ID: order("a")}, b})
	again, err := tx.Load(ctx, order("a"), order("d"))
	check(t, err)
	equal(t, "a held stream and a new one", again, []eventstore.Stream{{ID: order("a")}, {ID: order("d")}})
	none, err := tx.Load(ctx)
	check(t, err)
	equal(t, "no streams", len(none), 0)
}

func testCommitWritesEveryPart(t *testing.T, h Harness) {
	ctx := within(t)
	id := eventstore.StreamID{Kind: "order", ID: "ünï 'quoted' \"x\" 日本"}
	data := []byte{0, 1, 255, '\n', 0}
	meta := eventstore.Meta{At: 1<<53 + 1, Correlation: "c", Causation: "d", Traceparent: ""}
	rec := eventstore.Record{
		Topic: "orders", Key: id.ID, Value: data,
		Headers: []eventstore.Header{
			{Key: "twice", Value: "first: a\\b\nc"}, {Key: "twice", Value: ""}, {Key: "a:b", Value: "ü"},
		},
	}
	u := eventstore.Unit{Changes: []eventstore.Change{{
		Stream: id, State: data, Observed: []byte("seen"), Record: &rec,
		Events: []eventstore.NewEvent{{Type: "Placed", Schema: 3, Data: []byte("{}"), Meta: meta}, {Type: "Grown", Schema: 1, Data: data, Meta: meta}},
	}}}
	check(t, commit(ctx, h.Store, func([]eventstore.Stream) eventstore.Unit { return u }, id))

	verify := func(s eventstore.Store) {
		st, err := s.Stream(ctx, id)
		check(t, err)
		equal(t, "stream", st, eventstore.Stream{ID: id, Version: 2, Published: 2, State: data, Observed: []byte("seen")})
		equal(t, "history", history(t, s, id, 10), []eventstore.Event{
			{Stream: id, Version: 1, Type: "Placed", Schema: 3, Data: []byte("{}"), Meta: meta},
			{Stream: id, Version: 2, Type: "Grown", Schema: 1, Data: data, Meta: meta, Published: true},
		})
		rows := pending(t, s)
		equal(t, "rows", len(rows), 1)
		equal(t, "row id", rows[0].RowID, eventstore.RowID{Stream: id, Version: 2})
		equal(t, "record", rows[0].Record, rec)
	}
	verify(h.Store)
	verify(h.Reopen(t))
}

func testEmptyUnit(t *testing.T, h Harness) {
	check(t, commitUnit(within(t), h.Store, eventstore.Unit{}))
}

func testObservationKeepsVersion(t *testing.T, h Harness) {
	ctx := within(t)
	observe := func(what string) {
		check(t, commit(ctx, h.Store, func(s []eventstore.Stream) eventstore.Unit {
			return eventstore.Unit{Changes: []eventstore.Change{{
				Stream: s[0].ID, Expected: s[0].Version, State: s[0].State, Observed: []byte(what),
			}}}
		}, order("1")))
	}
	observe("first")
	st, err := h.Store.Stream(ctx, order("1"))
	check(t, err)
	equal(t, "stub", st, eventstore.Stream{ID: order("1"), Observed: []byte("first")})
	check(t, grow(ctx, h.Store, order("1")))
	observe("second")
	st, err = h.Store.Stream(ctx, order("1"))
	check(t, err)
	equal(t, "stream", st, eventstore.Stream{
		ID: order("1"), Version: 1, Published: 1, State: stateAt(1), Observed: []byte("second"),
	})
	equal(t, "rows", len(pending(t, h.Store)), 1)
}

func testPublishedFollowsRecords(t *testing.T, h Harness) {
	ctx := within(t)
	for _, public := range []bool{false, true, false} {
		check(t, commit(ctx, h.Store, func(s []eventstore.Stream) eventstore.Unit {
			c := growth(s[0], 2)
			if !public {
				c.Record = nil
			}
			return eventstore.Unit{Changes: []eventstore.Change{c}}
		}, order("1")))
	}
	st, err := h.Store.Stream(ctx, order("1"))
	check(t, err)
	equal(t, "version", st.Version, int64(6))
	equal(t, "published", st.Published, int64(4))
	var published []int64
	for _, e := range history(t, h.Store, order("1"), 10) {
		if e.Published {
			published = append(published, e.Version)
		}
	}
	equal(t, "published versions", published, []int64{4})
	equal(t, "rows", rowIDs(pending(t, h.Store)), []eventstore.RowID{{Stream: order("1"), Version: 4}})
}

func testGaplessVersions(t *testing.T, h Harness) {
	ctx := within(t)
	const writers, rounds, streams = 8, 40, 3
	var wg sync.WaitGroup
	errs := make(chan error, writers)
	for w := range writers {
		wg.Go(func() {
			for r := range rounds {
				if err := grow(ctx, h.Store, order(fmt.Sprint((w+r)%streams))); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	check(t, errors.Join(drain(errs)...))
	total := 0
	for i := range streams {
		events := history(t, h.Store, order(fmt.Sprint(i)), 7)
		for j, e := range events {
			equal(t, "version", e.Version, int64(j)+1)
			equal(t, "data", string(e.Data), string(event(e.Version).Data))
		}
		st, err := h.Store.Stream(ctx, order(fmt.Sprint(i)))
		check(t, err)
		equal(t, "stream", st.Version, int64(len(events)))
		equal(t, "state", st.State, stateAt(st.Version))
		total += len(events)
	}
	equal(t, "events", total, writers*rounds)
}

func drain(c <-chan error) (all []error) {
	for err := range c {
		all = append(all, err)
	}
	return all
}

func testThousandStreams(t *testing.T, h Harness) {
	ctx := within(t)
	ids := make([]eventstore.StreamID, 1000)
	for i := range ids {
		ids[i] = order(fmt.Sprintf("%d-%s", i*7919%1000, strings.Repeat("x", i%40)))
	}
	for range 2 {
		check(t, grow(ctx, h.Store, ids...))
	}
	for _, i := range []int{0, 500, 999} {
		st, err := h.Store.Stream(ctx, ids[i])
		check(t, err)
		equal(t, "version", st.Version, int64(2))
	}
	rows := pending(t, h.Store)
	equal(t, "rows", len(rows), 2000)
	equal(t, "keys of the first unit keep the order of the changes", rows[999].Stream, ids[999])
	check(t, h.Store.Published(ctx, "relay", rowIDs(rows), eventstore.RelayState{Batch: 1}))
	equal(t, "rows left", len(pending(t, h.Store)), 0)
}

func testEndedUnit(t *testing.T, h Harness) {
	ctx := within(t)
	tx, err := h.Store.Begin(ctx)
	check(t, err)
	_, err = tx.Load(ctx, order("1"))
	check(t, err)
	tx.Rollback()
	tx.Rollback()
	if err := tx.Commit(ctx, eventstore.Unit{Changes: []eventstore.Change{growth(eventstore.Stream{ID: order("1")}, 1)}}); err == nil {
		t.Fatal("a unit that was rolled back could be committed")
	}
	tx, err = h.Store.Begin(ctx)
	check(t, err)
	check(t, tx.Commit(ctx, eventstore.Unit{}))
	tx.Rollback()
	if _, err := tx.Load(ctx, order("1")); err == nil {
		t.Fatal("a unit that was committed could load")
	}
	check(t, grow(ctx, h.Store, order("1")))
}
