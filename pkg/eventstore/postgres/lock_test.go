package postgres_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// Hazard: the payment and the reservation of one new order are observed by two
// processes. There is no row yet, and no version to conflict on.
func TestLoad_MakesAnotherProcessWaitForAStreamThatDoesNotExist(t *testing.T) {
	ctx := within(t)
	first, application := named(t, newDatabase(t))
	a := openAt(t, first)
	b := openAt(t, first)
	watch := connect(t, first)

	p, err := a.Begin(ctx)
	check(t, err)
	defer p.Rollback()
	_, err = p.Load(ctx, order("new"))
	check(t, err)
	saw, done := "", make(chan error, 1)
	go func() {
		done <- commit(ctx, b, func(s []eventstore.Stream) eventstore.Unit {
			saw = string(s[0].Observed)
			return eventstore.Unit{Changes: []eventstore.Change{{Stream: s[0].ID, Observed: append(s[0].Observed, "R"...)}}}
		}, order("new"))
	}()
	eventually(t, "the other process waits for the stream", func() bool { return watch.waiting(application) == 1 })
	check(t, p.Commit(ctx, eventstore.Unit{Changes: []eventstore.Change{{Stream: order("new"), Observed: []byte("P")}}}))
	check(t, <-done)
	if saw != "P" {
		t.Errorf("the other process saw %q, want what the first one wrote", saw)
	}
	st, err := a.Stream(ctx, order("new"))
	check(t, err)
	if string(st.Observed) != "PR" {
		t.Errorf("observed %q, want both", st.Observed)
	}
}

// Stubs and rows are locked in one order: half of the streams exist, and they
// are taken at once by some and one after the other by others.
func TestLoad_NeverDeadlocksOnStreamsOfWhichSomeExist(t *testing.T) {
	ctx := within(t)
	s := openStore(t)
	const rounds, workers, width = 15, 4, 6
	for round := range rounds {
		ids := make([]eventstore.StreamID, width)
		for i := range ids {
			ids[i] = order(fmt.Sprintf("%d-%d", round, i))
		}
		check(t, grow(ctx, s, ids[0], ids[2], ids[3]))
		var wg sync.WaitGroup
		errs := make([]error, workers)
		for w := range workers {
			wg.Go(func() {
				tx, err := s.Begin(ctx)
				if err != nil {
					errs[w] = err
					return
				}
				defer tx.Rollback()
				if w%2 == 0 {
					_, errs[w] = tx.Load(ctx, ids...)
					return
				}
				for _, id := range ids {
					if _, errs[w] = tx.Load(ctx, id); errs[w] != nil {
						return
					}
				}
			})
		}
		wg.Wait()
		check(t, errors.Join(errs...))
	}
}

func TestLoad_LeavesNoStubOfAStreamThatIsNotChanged(t *testing.T) {
	ctx := within(t)
	url := newDatabase(t)
	s := openAt(t, url)
	for name, u := range map[string]eventstore.Unit{
		"empty": {}, "answer": {Answers: []eventstore.Answer{{Key: "k", ExpiresAt: 1}}},
	} {
		check(t, commit(ctx, s, func([]eventstore.Stream) eventstore.Unit { return u }, order(name), order(name+"2")))
	}
	check(t, commit(ctx, s, func(st []eventstore.Stream) eventstore.Unit {
		return eventstore.Unit{Changes: []eventstore.Change{change(st[1], 1)}}
	}, order("unchanged"), order("z")))
	if n := connect(t, url).number(`SELECT count(*) FROM streams`); n != 1 {
		t.Errorf("%d rows of streams, want that of the one that was changed", n)
	}
}

// Two units that meet in their read models in opposite orders.
func TestCommit_IsAConflictWhenItIsTheVictimOfADeadlock(t *testing.T) {
	ctx := within(t)
	url, application := named(t, newDatabase(t))
	url = with(t, url, "deadlock_timeout", "2s")
	s := openAt(t, url)
	check(t, growWith(ctx, s, []eventstore.Statement{total("a", 1), total("b", 1)}, order("1")))

	other := connect(t, with(t, url, "application_name", "other"))
	other.exec(`SET deadlock_timeout = '1min'`)
	other.exec(`BEGIN`)
	other.exec(`UPDATE totals SET amount = 7 WHERE id = 'b'`)
	done := make(chan error, 1)
	unit := func() error {
		return growWith(ctx, s, []eventstore.Statement{total("a", 2), total("b", 2)}, order("1"))
	}
	go func() { done <- unit() }()
	watch := connect(t, with(t, url, "application_name", "watch"))
	eventually(t, "the unit waits for b", func() bool { return watch.waiting(application) == 1 })
	other.exec(`UPDATE totals SET amount = 7 WHERE id = 'a'`)
	wantError(t, <-done, eventstore.ErrConflict)
	other.exec(`COMMIT`)
	if v := version(t, s, "1"); v != 1 {
		t.Fatalf("the stream is at %d after a conflict", v)
	}
	check(t, unit())
}

func TestCommit_TellsConflictsFromMistakes(t *testing.T) {
	ctx := within(t)
	url := newDatabase(t)
	s := openAt(t, url)
	check(t, growWith(ctx, s, []eventstore.Statement{total("a", 1)}, order("1")))
	beside := connect(t, url)
	beside.exec(`INSERT INTO events SELECT kind, id, 2, type, schema, data, at, correlation, causation, traceparent, 0 FROM events`)
	raise := func(code string) []eventstore.Statement {
		return []eventstore.Statement{{SQL: `DO $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '` + code + `'; END $$`}}
	}
	again := []eventstore.Statement{{SQL: `INSERT INTO totals (id, amount) VALUES ('a', 2)`}}
	for name, c := range map[string]struct {
		unit     func() error
		conflict bool
	}{
		"an event that somebody else wrote": {func() error { return grow(ctx, s, order("1")) }, true},
		"a serialization failure":           {func() error { return growWith(ctx, s, raise("40001"), order("2")) }, true},
		"a full disk":                       {func() error { return growWith(ctx, s, raise("53100"), order("2")) }, false},
		"a row that the read model has":     {func() error { return growWith(ctx, s, again, order("2")) }, false},
	} {
		err := c.unit()
		if err == nil || errors.Is(err, eventstore.ErrConflict) != c.conflict || errors.Is(err, eventstore.ErrOutcomeUnknown) {
			t.Errorf("%s: got %v, want a conflict: %t", name, err, c.conflict)
		}
	}
	if v := version(t, s, "1") + version(t, s, "2"); v != 1 {
		t.Errorf("refused units left events")
	}
}
