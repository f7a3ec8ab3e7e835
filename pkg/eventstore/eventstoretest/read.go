package eventstoretest

import (
	"context"
	"errors"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

var readCases = []testCase{
	{"StreamsAreListedBytewise", testStreams},
	{"HistoryIsPaged", testHistoryPages},
	{"QueryReadsTheReadModel", testQuery},
	{"ReadsEndWithTheContext", testReadsEnd},
}

func testStreams(t *testing.T, h Harness) {
	ctx := within(t)
	ids := []string{"10", "9", "B", "a", "b-1", "ä", "日本"} // in bytewise order
	var all []eventstore.StreamID
	for _, id := range ids {
		all = append(all, order(id))
	}
	check(t, grow(ctx, h.Store, append(all, eventstore.StreamID{Kind: "stock", ID: "0"})...))
	var got []string
	for after := ""; ; {
		page, err := h.Store.Streams(ctx, "order", after, 3)
		check(t, err)
		for _, st := range page {
			equal(t, "stream", st, eventstore.Stream{ID: st.ID, Version: 1, Published: 1, State: stateAt(1)})
			got = append(got, st.ID.ID)
		}
		if len(page) < 3 {
			break
		}
		after = page[2].ID.ID
	}
	equal(t, "ids", got, ids)
	none, err := h.Store.Streams(ctx, "nothing", "", 3)
	check(t, err)
	equal(t, "streams of an unknown kind", len(none), 0)
}

func testHistoryPages(t *testing.T, h Harness) {
	ctx := within(t)
	check(t, commit(ctx, h.Store, func(s []eventstore.Stream) eventstore.Unit {
		return eventstore.Unit{Changes: []eventstore.Change{growth(s[0], 300), growth(s[1], 1)}}
	}, order("1"), order("2")))
	for _, page := range []int{1000, 299, 7} {
		events := history(t, h.Store, order("1"), page)
		equal(t, "events", len(events), 300)
		for i, e := range events {
			equal(t, "version", e.Version, int64(i)+1)
			equal(t, "stream", e.Stream, order("1"))
		}
	}
	tail, err := h.Store.History(ctx, order("1"), 298, 10)
	check(t, err)
	equal(t, "tail", len(tail), 2)
	none, err := h.Store.History(ctx, order("nobody"), 0, 10)
	check(t, err)
	equal(t, "history of a stream without events", len(none), 0)
}

func testQuery(t *testing.T, h Harness) {
	ctx := within(t)
	set := eventstore.Statement{
		// Placeholders out of order and used twice.
		SQL: `INSERT INTO totals (amount, id, note) VALUES ($2, $1, $3)
			ON CONFLICT (id) DO UPDATE SET amount = totals.amount + $2, note = excluded.note`,
	}
	with := func(args ...any) eventstore.Statement { set.Args = args; return set }
	check(t, commitUnit(ctx, h.Store, eventstore.Unit{Statements: []eventstore.Statement{
		with("a", int64(5), []byte{0, 255}), with("b", int64(1)<<53+1, nil), with("a", int64(2), []byte{9}),
	}}))
	type row struct {
		id     string
		amount int64
		note   []byte
	}
	var got []row
	err := h.Store.Query(ctx, `SELECT id, amount, note FROM totals WHERE amount >= $1 AND id <> $2 ORDER BY id`,
		[]any{int64(3), "x"}, func(r eventstore.Row) error {
			var one row
			err := r.Scan(&one.id, &one.amount, &one.note)
			got = append(got, one)
			return err
		})
	check(t, err)
	equal(t, "rows", got, []row{{"a", 7, []byte{9}}, {"b", 1<<53 + 1, nil}})

	stop := errors.New("enough")
	calls := 0
	err = h.Store.Query(ctx, `SELECT id FROM totals`, nil, func(eventstore.Row) error { calls++; return stop })
	wantError(t, err, stop)
	equal(t, "rows before scan said stop", calls, 1)
	if err := h.Store.Query(ctx, `SELECT nothing FROM nowhere`, nil, func(eventstore.Row) error { return nil }); err == nil {
		t.Fatal("a query with a mistake succeeded")
	}
	check(t, h.Store.Ready(ctx))
}

func testReadsEnd(t *testing.T, h Harness) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := h.Store
	scan := func(eventstore.Row) error { return nil }
	for name, read := range map[string]func() error{
		"Stream":   func() error { _, err := s.Stream(ctx, order("1")); return err },
		"History":  func() error { _, err := s.History(ctx, order("1"), 0, 1); return err },
		"Streams":  func() error { _, err := s.Streams(ctx, "order", "", 1); return err },
		"Position": func() error { _, _, err := s.Position(ctx, "t", 0); return err },
		"Pending":  func() error { _, err := s.Pending(ctx, 0, 1, 1); return err },
		"Query":    func() error { return s.Query(ctx, `SELECT id FROM totals`, nil, scan) },
		"Ready":    func() error { return s.Ready(ctx) },
		"Begin":    func() error { return commitUnit(ctx, s, eventstore.Unit{Answers: []eventstore.Answer{{Key: "k"}}}) },
		"Claim": func() error {
			_, err := s.ClaimIntents(ctx, "me", []string{"capture"}, 1, lease, 1)
			return err
		},
	} {
		if err := read(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a context that ended: got error %v", name, err)
		}
	}
}
