package eventstoretest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

var atomicCases = []testCase{
	{"UnitThatFailsHalfWayLeavesNothing", testHalfWay},
	{"RecordIsBoundedByWhatCanBePublished", testRecordBound},
	{"RecordNeedsAnEvent", testRecordNeedsEvent},
	{"UnitsThatFailLeaveOthersAlone", testFailuresAmongOthers},
	{"CancelledCommitWritesNothing", testCancelledCommit},
}

// total is a read-model statement; a negative amount violates a constraint.
func total(id string, amount int64) eventstore.Statement {
	return eventstore.Statement{
		SQL: `INSERT INTO totals (id, amount) VALUES ($1, $2)
			ON CONFLICT (id) DO UPDATE SET amount = excluded.amount`,
		Args: []any{id, amount},
	}
}

// full is a unit that has something of every part.
func full(st eventstore.Stream, key string) eventstore.Unit {
	return eventstore.Unit{
		Changes:    []eventstore.Change{growth(st, 2)},
		Intents:    []eventstore.Intent{{Key: "intent-" + key, Kind: "capture", Stream: st.ID}},
		Moves:      []eventstore.Move{{Topic: "t-" + key, TopicID: "id", From: 0, To: 5}},
		Park:       []eventstore.Parked{{ParkedKey: eventstore.ParkedKey{Topic: "t", Key: key}}},
		Answers:    []eventstore.Answer{{Key: "answer-" + key, ExpiresAt: 1}},
		Statements: []eventstore.Statement{total("total-"+key, 1)},
	}
}

// traces counts what is left of a unit made by full.
func traces(t *testing.T, s eventstore.Store, st eventstore.StreamID, key string) []string {
	t.Helper()
	ctx := within(t)
	var found []string
	add := func(what string, ok bool, err error) {
		check(t, err)
		if ok {
			found = append(found, what)
		}
	}
	row, err := s.Stream(ctx, st)
	add("stream", row.Version > 0 || row.State != nil, err)
	add("events", len(history(t, s, st, 10)) > 0, nil)
	for _, r := range pending(t, s) {
		add("outbox row", r.Stream == st, nil)
	}
	intents, err := s.ListIntents(ctx, eventstore.IntentPending, "", 1000)
	check(t, err)
	for _, in := range intents {
		add("intent", in.Key == "intent-"+key, nil)
	}
	_, ok, err := s.Position(ctx, "t-"+key, 0)
	add("position", ok, err)
	parked, err := s.Parked(ctx, eventstore.ParkedKey{}, 1000)
	check(t, err)
	for _, p := range parked {
		add("parked", p.Key == key, nil)
	}
	tx, err := s.Begin(ctx)
	check(t, err)
	_, ok, err = tx.Answer(ctx, "answer-"+key)
	tx.Rollback()
	add("answer", ok, err)
	err = s.Query(ctx, `SELECT id FROM totals WHERE id = $1`, []any{"total-" + key}, func(eventstore.Row) error {
		add("total", true, nil)
		return nil
	})
	check(t, err)
	return found
}

var everyTrace = []string{"stream", "events", "outbox row", "intent", "position", "parked", "answer", "total"}

// spoilers make a unit fail after its other parts were fine.
var spoilers = map[string]func(u *eventstore.Unit){
	"a record that is too large in the last change": func(u *eventstore.Unit) {
		u.Changes[len(u.Changes)-1].Record.Value = make([]byte, eventstore.MaxRecordBytes)
	},
	"a statement with a mistake": func(u *eventstore.Unit) {
		u.Statements = append(u.Statements, eventstore.Statement{SQL: `INSERT INTO no_such_table VALUES (1)`})
	},
	"a statement that violates a constraint": func(u *eventstore.Unit) {
		u.Statements = append(u.Statements, total("bad", -1))
	},
	"an argument of a type that is not shared": func(u *eventstore.Unit) {
		u.Statements = append(u.Statements, eventstore.Statement{
			SQL: `INSERT INTO totals (id, amount) VALUES ($1, $2)`, Args: []any{"float", 1.5},
		})
	},
	"a position that moved": func(u *eventstore.Unit) {
		u.Moves = append(u.Moves, eventstore.Move{Topic: "taken", TopicID: "id", From: 3, To: 4})
	},
	"an answer that was given": func(u *eventstore.Unit) {
		u.Answers = append(u.Answers, eventstore.Answer{Key: "taken"})
	},
	"a stream that is changed twice": func(u *eventstore.Unit) {
		u.Changes = append(u.Changes, u.Changes[0])
	},
}

func testHalfWay(t *testing.T, h Harness) {
	ctx := within(t)
	check(t, commitUnit(ctx, h.Store, eventstore.Unit{
		Moves:   []eventstore.Move{{Topic: "taken", TopicID: "id", From: 0, To: 9}},
		Answers: []eventstore.Answer{{Key: "taken"}},
	}))
	for name, spoil := range spoilers {
		err := commit(ctx, h.Store, func(s []eventstore.Stream) eventstore.Unit {
			u := full(s[0], "a")
			u.Changes = append(u.Changes, growth(s[1], 1))
			spoil(&u)
			return u
		}, order("a"), order("b"))
		if err == nil {
			t.Fatalf("%s was accepted", name)
		}
		if found := append(traces(t, h.Store, order("a"), "a"), traces(t, h.Store, order("b"), "b")...); found != nil {
			t.Fatalf("%s: the unit failed (%v) and left %v", name, err, found)
		}
	}
	check(t, commit(ctx, h.Store, func(s []eventstore.Stream) eventstore.Unit { return full(s[0], "a") }, order("a")))
	equal(t, "traces of a good unit", traces(t, h.Store, order("a"), "a"), everyTrace)
}

// Hazard 5: a row that can never be published would block the relay for ever.
func testRecordBound(t *testing.T, h Harness) {
	ctx := within(t)
	withSize := func(size int) error {
		return commit(ctx, h.Store, func(s []eventstore.Stream) eventstore.Unit {
			u := full(s[0], "a")
			r := u.Changes[0].Record
			r.Value = nil
			r.Value = make([]byte, size-r.Size())
			return u
		}, order("a"))
	}
	wantError(t, withSize(eventstore.MaxRecordBytes+1), eventstore.ErrRecordTooLarge)
	if found := traces(t, h.Store, order("a"), "a"); found != nil {
		t.Fatalf("the refused unit left %v", found)
	}
	check(t, withSize(eventstore.MaxRecordBytes))
	equal(t, "size of the largest record", pending(t, h.Store)[0].Record.Size(), eventstore.MaxRecordBytes)
}

// A record without an event would be a second row of one version.
func testRecordNeedsEvent(t *testing.T, h Harness) {
	ctx := within(t)
	check(t, grow(ctx, h.Store, order("1")))
	err := commit(ctx, h.Store, func(s []eventstore.Stream) eventstore.Unit {
		c := growth(s[0], 1)
		c.Events = nil
		return eventstore.Unit{Changes: []eventstore.Change{c}}
	}, order("1"))
	if err == nil {
		t.Fatal("a record was accepted for a version that has one")
	}
	equal(t, "rows", len(pending(t, h.Store)), 1)
}

// Drivers may let units share a transaction: a unit that fails, or is rolled
// back, must not take its neighbours along.
func testFailuresAmongOthers(t *testing.T, h Harness) {
	ctx := within(t)
	const workers, rounds = 6, 30
	var wg sync.WaitGroup
	errs := make(chan error, workers*rounds)
	for w := range workers {
		wg.Go(func() {
			for r := range rounds {
				if err := failOrNot(ctx, h.Store, fmt.Sprintf("%d-%d", w, r), r%3); err != nil {
					errs <- err
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	check(t, errors.Join(drain(errs)...))
	rows := pending(t, h.Store)
	equal(t, "rows", len(rows), workers*rounds/3)
	equal(t, "traces of a good unit", traces(t, h.Store, order("5-27"), "5-27"), everyTrace)
	for _, key := range []string{"0-1", "3-4", "0-2", "5-29"} {
		if found := traces(t, h.Store, order(key), key); found != nil {
			t.Fatalf("unit %s left %v", key, found)
		}
	}
}

// failOrNot commits, fails, or rolls back a unit.
func failOrNot(ctx context.Context, s eventstore.Store, key string, how int) error {
	switch how {
	case 0:
		return commit(ctx, s, func(st []eventstore.Stream) eventstore.Unit { return full(st[0], key) }, order(key))
	case 1:
		err := commit(ctx, s, func(st []eventstore.Stream) eventstore.Unit {
			u := full(st[0], key)
			u.Statements = append(u.Statements, total("bad", -1))
			return u
		}, order(key))
		if err == nil {
			return fmt.Errorf("unit %s violates a constraint and was accepted", key)
		}
		return nil
	default:
		tx, err := s.Begin(ctx)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		_, err = tx.Load(ctx, order(key))
		return err
	}
}

func testCancelledCommit(t *testing.T, h Harness) {
	ctx, cancel := context.WithCancel(within(t))
	tx, err := h.Store.Begin(ctx)
	check(t, err)
	defer tx.Rollback()
	st, err := tx.Load(ctx, order("1"))
	check(t, err)
	cancel()
	if err := tx.Commit(ctx, full(st[0], "1")); err == nil {
		t.Fatal("committed with a context that had ended")
	}
	if found := traces(t, h.Store, order("1"), "1"); found != nil {
		t.Fatalf("the cancelled unit left %v", found)
	}
}
