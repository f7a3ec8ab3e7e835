package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/sqlite"
)

const patience = 20 * time.Second

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not in %s: %s", patience, what)
		}
		<-tick.C
	}
}

func orderID(id string) eventstore.StreamID { return eventstore.StreamID{Kind: "order", ID: id} }

// begin loads a stream in a new unit.
func begin(t *testing.T, s *sqlite.Store, id string) (eventstore.Tx, eventstore.Stream) {
	t.Helper()
	tx, err := s.Begin(t.Context())
	check(t, err)
	t.Cleanup(tx.Rollback)
	streams, err := tx.Load(t.Context(), orderID(id))
	check(t, err)
	return tx, streams[0]
}

// next is one more event of a stream.
func next(st eventstore.Stream) eventstore.Unit {
	c := change(st.ID)
	c.Expected = st.Version
	return eventstore.Unit{Changes: []eventstore.Change{c}}
}

func version(t *testing.T, s *sqlite.Store, id string) int64 {
	t.Helper()
	st, err := s.Stream(t.Context(), orderID(id))
	check(t, err)
	return st.Version
}

// inBackground commits one event in a unit that waits for its turn.
func inBackground(t *testing.T, s *sqlite.Store, id string) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	before := sqlite.Waiting(s)
	go func() {
		tx, err := s.Begin(t.Context())
		if err != nil {
			done <- err
			return
		}
		defer tx.Rollback()
		streams, err := tx.Load(t.Context(), orderID(id))
		if err == nil {
			err = tx.Commit(t.Context(), next(streams[0]))
		}
		done <- err
	}()
	eventually(t, "the unit waits for its turn", func() bool { return sqlite.Waiting(s) > before })
	return done
}

// waiter begins a unit once its turn comes, and returns it.
func waiter(t *testing.T, s *sqlite.Store) <-chan eventstore.Tx {
	t.Helper()
	got := make(chan eventstore.Tx, 1)
	before := sqlite.Waiting(s)
	go func() {
		tx, err := s.Begin(t.Context())
		if err != nil {
			t.Error(err)
		}
		got <- tx
	}()
	eventually(t, "the caller waits for its turn", func() bool { return sqlite.Waiting(s) > before })
	return got
}

func TestCommit_DoesNotWaitForAnIdleUnit(t *testing.T) {
	s := openStore(t)
	tx, st := begin(t, s, "1")
	idle := waiter(t, s)
	check(t, tx.Commit(t.Context(), next(st))) // handed on to a caller who does nothing
	holder := <-idle
	defer holder.Rollback()
	if v := version(t, s, "1"); v != 1 {
		t.Fatalf("version is %d after the commit was acknowledged", v)
	}
}

func TestCommit_OfAGroupThatFailsFailsAllAndLeavesNothing(t *testing.T) {
	s := openStore(t)
	// A reference that is checked when the transaction commits, and fails then.
	for _, sql := range []string{
		`PRAGMA foreign_keys = ON`, `CREATE TABLE parent (id TEXT PRIMARY KEY)`,
		`CREATE TABLE child (id TEXT REFERENCES parent DEFERRABLE INITIALLY DEFERRED)`,
	} {
		_, err := sqlite.ExecOnWriter(s, sql)
		check(t, err)
	}
	tx, st := begin(t, s, "1")
	second, third := inBackground(t, s, "2"), inBackground(t, s, "3")
	bad := next(st)
	bad.Statements = []eventstore.Statement{{SQL: `INSERT INTO child VALUES ('orphan')`}}
	failed := tx.Commit(t.Context(), bad)
	if failed == nil || errors.Is(failed, eventstore.ErrOutcomeUnknown) {
		t.Fatalf("got %v, want an error after which nothing was written", failed)
	}
	for id, done := range map[string]<-chan error{"2": second, "3": third} {
		// Units share a commit or they do not, depending on the scheduler: what
		// counts is that the answer is true.
		err := <-done
		if v := version(t, s, id); (err == nil) != (v == 1) {
			t.Errorf("unit %s: error %v, but version %d", id, err, v)
		}
	}
	if v := version(t, s, "1"); v != 0 {
		t.Errorf("the unit that failed left version %d", v)
	}
	commitChanges(t, s, []eventstore.StreamID{orderID("4")})
}

func TestLoad_ShowsOnlyWhatIsDurable(t *testing.T) {
	s := openStore(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for range 40 {
				if err := loadAndCompare(ctx, s, w); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// loadAndCompare loads a stream that others write too, and asks a reader, who
// sees only what is committed, whether it is there.
func loadAndCompare(ctx context.Context, s *sqlite.Store, worker int) error {
	tx, err := s.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	id := orderID(fmt.Sprint("hot-", worker%2))
	streams, err := tx.Load(ctx, id)
	if err != nil {
		return err
	}
	st, err := s.Stream(ctx, id)
	if err != nil {
		return err
	}
	if st.Version != streams[0].Version {
		return fmt.Errorf("%s was loaded at %d while %d was durable", id, streams[0].Version, st.Version)
	}
	key := "answer-" + id.ID
	if _, given, err := tx.Answer(ctx, key); err != nil {
		return err
	} else if want := st.Version > 0; given != want {
		return fmt.Errorf("answer %s found: %t, at version %d", key, given, st.Version)
	}
	u := next(streams[0])
	if st.Version == 0 {
		u.Answers = []eventstore.Answer{{Key: key}}
	}
	return tx.Commit(ctx, u)
}

func TestAnswer_ShowsOnlyWhatIsDurable(t *testing.T) {
	s := openStore(t)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			for i := range 60 {
				if err := answerAndCompare(t.Context(), s, fmt.Sprint(i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// answerAndCompare gives an answer, or finds that it was given and asks a
// reader whether it is there.
func answerAndCompare(ctx context.Context, s *sqlite.Store, key string) error {
	tx, err := s.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	_, given, err := tx.Answer(ctx, key)
	if err != nil {
		return err
	}
	if !given {
		return tx.Commit(ctx, eventstore.Unit{Answers: []eventstore.Answer{{Key: key}}})
	}
	durable := false
	err = s.Query(ctx, `SELECT 1 FROM answers WHERE key = $1`, []any{key}, func(eventstore.Row) error {
		durable = true
		return nil
	})
	if err == nil && !durable {
		return fmt.Errorf("answer %s was shown before it was durable", key)
	}
	return err
}

func TestBegin_ServesCallersInOrder(t *testing.T) {
	s := openStore(t)
	tx, st := begin(t, s, "1")
	var last atomic.Int64
	var wg sync.WaitGroup
	for i := range int64(5) {
		before := sqlite.Waiting(s)
		wg.Go(func() {
			tx, err := s.Begin(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			defer tx.Rollback()
			if prev := last.Swap(i + 1); prev != i {
				t.Errorf("caller %d came after %d", i+1, prev)
			}
		})
		eventually(t, "the caller waits", func() bool { return sqlite.Waiting(s) > before })
	}
	check(t, tx.Commit(t.Context(), next(st)))
	wg.Wait()
}

func TestBegin_LeavesTheQueueWhenItsContextEnds(t *testing.T) {
	s := openStore(t)
	tx, st := begin(t, s, "1")
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { _, err := s.Begin(ctx); gone <- err }()
	eventually(t, "the first caller waits", func() bool { return sqlite.Waiting(s) == 1 })
	patient := inBackground(t, s, "2")
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want that the context was canceled", err)
	}
	check(t, tx.Commit(t.Context(), next(st)))
	check(t, <-patient)
}

func TestBegin_SurvivesCallersThatGiveUpAtAnyMoment(t *testing.T) {
	s := openStore(t)
	var wg sync.WaitGroup
	for w := range 6 {
		wg.Go(func() {
			for i := range 60 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%12)*20*time.Microsecond)
				if tx, err := s.Begin(ctx); err == nil {
					if _, err := tx.Load(t.Context(), orderID(fmt.Sprint(w))); err != nil {
						t.Error(err)
					}
					tx.Rollback()
				}
				cancel()
			}
		})
	}
	wg.Wait()
	commitChanges(t, s, []eventstore.StreamID{orderID("1")})
}

func TestClose_GivesUpOnAUnitThatNeverEnds(t *testing.T) {
	s := openStore(t)
	tx, st := begin(t, s, "1")
	waiting := inBackground(t, s, "2")
	check(t, sqlite.CloseWithin(s, time.Millisecond))
	if err := <-waiting; !errors.Is(err, sqlite.ErrClosed) {
		t.Errorf("a caller in the queue got %v", err)
	}
	if err := tx.Commit(t.Context(), next(st)); !errors.Is(err, sqlite.ErrClosed) {
		t.Errorf("the unit that came too late got %v", err)
	}
	again, err := reopen(t, sqlite.Path(s))
	check(t, err)
	if v := version(t, again, "1"); v != 0 {
		t.Errorf("the unit that came too late left version %d", v)
	}
}

func TestCommit_FailsOnAFullDiskAndGoesOnAfterwards(t *testing.T) {
	s := openStore(t)
	commitChanges(t, s, []eventstore.StreamID{orderID("before")})
	pages, err := sqlite.ExecOnWriter(s, `PRAGMA page_count`)
	check(t, err)
	_, err = sqlite.ExecOnWriter(s, fmt.Sprintf(`PRAGMA max_page_count = %d`, pages+3))
	check(t, err)

	committed := 0
	for i := range 100 {
		tx, st := begin(t, s, fmt.Sprint(i))
		err = tx.Commit(t.Context(), next(st))
		if err != nil {
			break
		}
		committed++
	}
	if err == nil || !strings.Contains(err.Error(), "full") {
		t.Fatalf("got %v, want an error that says the disk is full", err)
	}
	failed := fmt.Sprint(committed)
	if v := version(t, s, failed); v != 0 {
		t.Errorf("the unit that failed left version %d", v)
	}
	rows, _, err := s.Backlog(t.Context())
	check(t, err)
	if rows != int64(committed)+1 {
		t.Errorf("%d rows wait after %d units", rows, committed+1)
	}
	_, err = sqlite.ExecOnWriter(s, `PRAGMA max_page_count = 1000000`)
	check(t, err)
	commitChanges(t, s, []eventstore.StreamID{orderID(failed)})
}

func TestStatements_AreKeptWithinABound(t *testing.T) {
	s := openStore(t)
	var u eventstore.Unit
	for i := range sqlite.MaxStatements + 50 {
		u.Statements = append(u.Statements, eventstore.Statement{
			SQL: fmt.Sprintf(`INSERT INTO meta (name, value) VALUES ('%d', $1)`, i), Args: []any{"x"},
		})
	}
	tx, err := s.Begin(t.Context())
	check(t, err)
	check(t, tx.Commit(t.Context(), u))
	if n := sqlite.Statements(s); n > sqlite.MaxStatements {
		t.Fatalf("%d statements are kept", n)
	}
}
