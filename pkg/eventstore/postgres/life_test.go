package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres"
)

// A caller that forgets a unit must not keep the process from stopping.
func TestClose_EndsUnitsThatWereForgotten(t *testing.T) {
	ctx := within(t)
	url := newDatabase(t)
	s := openAt(t, url)
	forgotten, err := s.Begin(ctx)
	check(t, err)
	_, err = forgotten.Load(ctx, order("1"))
	check(t, err)
	check(t, postgres.CloseWithin(s, 10*time.Millisecond))
	if err := forgotten.Commit(ctx, eventstore.Unit{Answers: []eventstore.Answer{{Key: "k"}}}); err == nil {
		t.Error("a unit was committed after Close")
	}
	check(t, grow(ctx, openAt(t, url), order("1"))) // the stream is free
}

func TestClose_EndsUnitsThatWait(t *testing.T) {
	ctx := within(t)
	url, application := named(t, newDatabase(t))
	other := openAt(t, newName(t, url))
	holder, err := other.Begin(ctx)
	check(t, err)
	defer holder.Rollback()
	_, err = holder.Load(ctx, order("1"))
	check(t, err)
	s := openAt(t, url)
	done := make(chan error, 1)
	go func() { done <- grow(ctx, s, order("1")) }()
	watch := connect(t, newName(t, url))
	eventually(t, "a unit waits", func() bool { return watch.waiting(application) == 1 })
	check(t, postgres.CloseWithin(s, 10*time.Millisecond))
	if err := <-done; err == nil {
		t.Error("a unit went on after Close")
	}
}

// The server crashes and comes back while many commit. What was acknowledged is
// there, what failed is not, and nobody has to be started again.
func TestStore_GoesOnAfterTheServerCrashed(t *testing.T) {
	ctx := within(t)
	url, application := named(t, newDatabase(t))
	s := openAt(t, url)
	beside := openAt(t, url)
	const workers = 6
	var acknowledged, unknown [workers]int64
	working, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			id := order(fmt.Sprint(w))
			for working.Err() == nil {
				switch err := grow(ctx, s, id); {
				case err == nil:
					acknowledged[w]++
				case errors.Is(err, eventstore.ErrOutcomeUnknown):
					unknown[w]++
				}
			}
		})
	}
	grown := func(by int64) {
		t.Helper()
		from := int64(-1)
		eventually(t, "all workers commit", func() bool {
			v, err := beside.Stream(ctx, order(fmt.Sprint(workers-1)))
			if err == nil && from < 0 {
				from = v.Version
			}
			return err == nil && v.Version >= from+by
		})
	}
	for range 3 {
		grown(10)
		crash(t, application)
	}
	grown(10)
	stop()
	wg.Wait()
	for w := range workers {
		v := version(t, s, fmt.Sprint(w))
		if v < acknowledged[w] || v > acknowledged[w]+unknown[w] {
			t.Errorf("stream %d is at %d; %d units were acknowledged, %d are unknown", w, v, acknowledged[w], unknown[w])
		}
	}
	heard(t, s, beside)
}

// crash ends all sessions of an application, with the whole server if it is the
// test's own.
func crash(t *testing.T, application string) {
	t.Helper()
	if server.Own() {
		check(t, server.Kill())
		check(t, server.Restart(within(t)))
		return
	}
	check(t, server.Exec(within(t), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1`, application))
}

// heard waits until b hears of a commit of a.
func heard(t *testing.T, a, b *postgres.Store) {
	t.Helper()
	ctx := within(t)
	eventually(t, "the other process is told", func() bool {
		check(t, grow(ctx, a, order("told")))
		select {
		case <-b.Committed():
			return true
		default:
			return false
		}
	})
}

func TestSession_IsDurableWhateverTheDatabaseSays(t *testing.T) {
	ctx := within(t)
	for asked, want := range map[string]string{"off": "on", "remote_apply": "remote_apply", "local": "local"} {
		s := openAt(t, with(t, newDatabase(t), "synchronous_commit", asked))
		got, err := postgres.UnitSetting(ctx, s, "synchronous_commit")
		check(t, err)
		if got != want {
			t.Errorf("synchronous_commit is %s where the database says %s, want %s", got, asked, want)
		}
	}
}

// A default of the database must not make units miss what they waited for.
func TestUnit_SeesWhatItWaitedForWhateverTheDatabaseSays(t *testing.T) {
	ctx := within(t)
	s := openAt(t, with(t, newDatabase(t), "default_transaction_isolation", "serializable"))
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for w := range errs {
		wg.Go(func() {
			for range 20 {
				errs[w] = errors.Join(errs[w], grow(ctx, s, order("1")))
			}
		})
	}
	wg.Wait()
	check(t, errors.Join(errs...))
	if v := version(t, s, "1"); v != 80 {
		t.Errorf("the stream is at %d, want 80", v)
	}
}

func TestQuery_CannotWrite(t *testing.T) {
	s := openStore(t)
	err := s.Query(within(t), `DELETE FROM meta RETURNING name`, nil, func(eventstore.Row) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("got %v, want that the transaction is read-only", err)
	}
	check(t, s.Ready(within(t)))
}

// Bytes that are no text come from foreign records: what only informs must not
// keep a record from being parked or observed.
func TestStore_TakesWhatIsNoTextWhereItOnlyInforms(t *testing.T) {
	ctx := within(t)
	s := openStore(t)
	const raw = "a\xff\x00b"
	poison := eventstore.Parked{
		ParkedKey: eventstore.ParkedKey{Topic: "orders", Key: raw}, Reason: raw, Value: []byte(raw),
		Headers: []eventstore.Header{{Key: raw, Value: raw}},
	}
	check(t, commit(ctx, s, func(st []eventstore.Stream) eventstore.Unit {
		c := change(st[0], 1)
		c.Events[0].Meta.Correlation = raw
		c.Record.Headers = []eventstore.Header{{Key: "correlation-id", Value: raw}}
		return eventstore.Unit{Changes: []eventstore.Change{c}, Park: []eventstore.Parked{poison}}
	}, order("1")))
	parked, err := s.Parked(ctx, eventstore.ParkedKey{}, 10)
	check(t, err)
	if len(parked) != 1 || parked[0].Key != raw || string(parked[0].Value) != raw || parked[0].Headers[0].Value != raw {
		t.Errorf("parked %+v, want the record as it was", parked)
	}
	events, err := s.History(ctx, order("1"), 0, 10)
	check(t, err)
	if got, want := events[0].Meta.Correlation, "a\uFFFD\uFFFDb"; got != want {
		t.Errorf("correlation %q, want %q", got, want)
	}
	check(t, commit(ctx, s, func([]eventstore.Stream) eventstore.Unit {
		return eventstore.Unit{Unpark: []eventstore.ParkedKey{poison.ParkedKey}}
	}))
	// A name is another matter: it would be that of another stream.
	if err := grow(ctx, s, order(raw)); err == nil || errors.Is(err, eventstore.ErrConflict) {
		t.Errorf("got %v for a stream whose name is no text", err)
	}
	st, err := s.Stream(ctx, order(raw))
	check(t, err)
	if st.Version != 0 {
		t.Errorf("a stream that cannot be is at %d", st.Version)
	}
}
