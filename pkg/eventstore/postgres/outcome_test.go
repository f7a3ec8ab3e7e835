package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres"
)

// quiet opens a store whose only traffic is that of its units: what it tells
// other processes would be cut instead.
func quiet(t *testing.T, url string) *postgres.Store {
	t.Helper()
	s := openAt(t, with(t, url, "pool_max_conns", "1"))
	<-s.Committed() // it listens, and says nothing any more
	return s
}

// silent commits without a record, so that nobody is notified.
func silent(ctx context.Context, s eventstore.Store, ids ...eventstore.StreamID) error {
	return commit(ctx, s, func(streams []eventstore.Stream) eventstore.Unit {
		var u eventstore.Unit
		for _, st := range streams {
			c := change(st, 1)
			c.Record = nil
			u.Changes = append(u.Changes, c)
		}
		return u
	}, ids...)
}

func TestCommit_SaysThatItDoesNotKnowWhenTheConnectionIsLost(t *testing.T) {
	for name, c := range map[string]struct {
		where cut
		want  int64
	}{
		"before the server saw it": {request, 1},
		"after the server did it":  {answer, 2},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := within(t)
			url := newDatabase(t)
			p, through := startProxy(t, url)
			s := quiet(t, through)
			check(t, silent(ctx, s, order("1"))) // the statements are prepared now
			tx, err := s.Begin(ctx)
			check(t, err)
			defer tx.Rollback()
			st, err := tx.Load(ctx, order("1"))
			check(t, err)
			p.arm(c.where)
			u := eventstore.Unit{Changes: []eventstore.Change{change(st[0], 1)}}
			u.Changes[0].Record = nil
			wantError(t, tx.Commit(ctx, u), eventstore.ErrOutcomeUnknown)
			if v := connect(t, url).number(`SELECT version FROM streams`); v != c.want {
				t.Errorf("the stream is at %d, want %d", v, c.want)
			}
			check(t, silent(ctx, s, order("1")))
			if v := version(t, s, "1"); v != c.want+1 {
				t.Errorf("the stream is at %d, want %d", v, c.want+1)
			}
		})
	}
}

// A unit that fails before it could have been committed is not in doubt.
func TestLoad_IsAnOrdinaryErrorWhenTheConnectionIsLost(t *testing.T) {
	ctx := within(t)
	p, through := startProxy(t, newDatabase(t))
	s := quiet(t, through)
	for _, where := range []cut{request, answer} {
		check(t, silent(ctx, s, order("1")))
		p.arm(where)
		if err := silent(ctx, s, order("1")); err == nil || errors.Is(err, eventstore.ErrOutcomeUnknown) {
			t.Fatalf("got %v, want an error that leaves no doubt", err)
		}
	}
	if v := version(t, s, "1"); v != 2 {
		t.Errorf("the stream is at %d, want 2", v)
	}
}

// A server that ends the session between Load and Commit, as for an update.
func TestCommit_WritesNothingWhenItsSessionWasEnded(t *testing.T) {
	ctx := within(t)
	url, application := named(t, newDatabase(t))
	s := openAt(t, url)
	beside := connect(t, newName(t, url))
	tx, err := s.Begin(ctx)
	check(t, err)
	defer tx.Rollback()
	st, err := tx.Load(ctx, order("1"))
	check(t, err)
	terminate(beside, application)
	if err := tx.Commit(ctx, eventstore.Unit{Changes: []eventstore.Change{change(st[0], 1)}}); err == nil {
		t.Fatal("committed in a session that had ended")
	}
	if n := beside.number(`SELECT count(*) FROM events`); n != 0 {
		t.Errorf("%d events were written", n)
	}
	eventually(t, "new sessions", func() bool { return grow(ctx, s, order("1")) == nil })
}

// The caller gives up while its unit waits, at its very end, for another one.
func TestCommit_WritesNothingWhenItIsCancelledWhileItWaits(t *testing.T) {
	ctx, cancel := context.WithCancel(within(t))
	url, application := named(t, newDatabase(t))
	s := openAt(t, url)
	other := connect(t, newName(t, url))
	other.exec(`BEGIN`)
	other.exec(`INSERT INTO totals (id, amount) VALUES ('a', 1)`)
	done := make(chan error, 1)
	go func() { done <- growWith(ctx, s, []eventstore.Statement{total("a", 2)}, order("1")) }()
	watch := connect(t, newName(t, url))
	eventually(t, "the unit waits", func() bool { return watch.waiting(application) == 1 })
	cancel()
	err := <-done
	wantError(t, err, context.Canceled)
	if errors.Is(err, eventstore.ErrOutcomeUnknown) {
		t.Errorf("got %v although the server said that nothing was written", err)
	}
	check(t, grow(within(t), s, order("1"))) // its locks are free
	if v := version(t, s, "1"); v != 1 {
		t.Errorf("the stream is at %d, want 1", v)
	}
}

// A commit that waits for a standby when its caller gives up is durable here
// only. The caller must not take it for done.
func TestCommit_SaysThatItDoesNotKnowWhenNoStandbyAcknowledged(t *testing.T) {
	url, application := named(t, newDatabase(t))
	if !server.Own() {
		t.Log("not proved: the server is not this test's to configure")
		return
	}
	s := openAt(t, url)
	check(t, silent(within(t), s, order("1")))
	admin := connect(t, newName(t, url))
	reload := func(value string) {
		admin.exec(`ALTER SYSTEM SET synchronous_standby_names = '` + value + `'`)
		admin.exec(`SELECT pg_reload_conf()`)
		watch := connect(t, newName(t, url))
		eventually(t, "the setting is in force", func() bool {
			return watch.number(`SELECT count(*) FROM pg_settings WHERE name = 'synchronous_standby_names' AND setting = $1`, value) == 1
		})
	}
	admin.exec(`SET synchronous_commit = local`)
	reload("nobody")
	defer reload("")
	ctx, cancel := context.WithCancel(within(t))
	done := make(chan error, 1)
	go func() { done <- silent(ctx, s, order("1")) }()
	eventually(t, "the commit waits for a standby", func() bool {
		return admin.number(`SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND wait_event = 'SyncRep'`, application) == 1
	})
	cancel()
	wantError(t, <-done, eventstore.ErrOutcomeUnknown)
	if v := version(t, s, "1"); v != 2 {
		t.Errorf("the stream is at %d, want 2", v)
	}
}

func TestUnit_TakesTwoRoundTripsWhateverItsSize(t *testing.T) {
	ctx := within(t)
	p, through := startProxy(t, newDatabase(t))
	s := quiet(t, through)
	var ids []eventstore.StreamID
	for i := range 300 {
		ids = append(ids, order(fmt.Sprint(i)))
	}
	unit := func() {
		check(t, commit(ctx, s, func(streams []eventstore.Stream) eventstore.Unit {
			u := eventstore.Unit{
				Intents:       []eventstore.Intent{{Key: "i", Kind: "k", Stream: ids[0]}},
				FinishIntents: []string{"i"},
				Answers:       []eventstore.Answer{{Key: fmt.Sprint(streams[0].Version)}},
				Moves:         []eventstore.Move{{Topic: "t", TopicID: "id", From: streams[0].Version, To: streams[0].Version + 2}},
				Park:          []eventstore.Parked{{ParkedKey: eventstore.ParkedKey{Topic: "t", Key: "k"}}},
				Unpark:        []eventstore.ParkedKey{{Topic: "t", Key: "other"}},
				Statements:    []eventstore.Statement{total("a", 1), total("b", 1)},
			}
			for _, st := range streams {
				c := change(st, 2)
				c.Record = nil // nobody is notified
				u.Changes = append(u.Changes, c)
			}
			return u
		}, ids...))
	}
	// Others are told of its intent on another connection, some time later.
	own := p.busiest(unit)
	if n := p.roundTrips(own, unit); n != 2 {
		t.Errorf("a unit of 300 streams took %d round trips, want 2", n)
	}
	small := p.roundTrips(own, func() { check(t, silent(ctx, s, order("1"))) })
	if small != 2 {
		t.Errorf("a unit of one stream took %d round trips, want 2", small)
	}
}

// terminate ends the sessions of an application.
func terminate(beside session, application string) {
	beside.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1`, application)
	eventually(beside.tb, "its sessions have ended", func() bool {
		return beside.number(`SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND state = 'idle in transaction'`, application) == 0
	})
}

// newName is the URL for a session that is not counted among the store's.
func newName(tb testing.TB, url string) string { return with(tb, url, "application_name", "beside") }
