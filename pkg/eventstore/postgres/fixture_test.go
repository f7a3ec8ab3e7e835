package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// patience bounds every wait: it is only reached by a failure.
const patience = time.Minute

func order(id string) eventstore.StreamID { return eventstore.StreamID{Kind: "order", ID: id} }

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func wantError(tb testing.TB, err, want error) {
	tb.Helper()
	if !errors.Is(err, want) {
		tb.Fatalf("got error %v, want one that is %q", err, want)
	}
}

// within gives a test a context that ends well before the test binary does.
func within(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	tb.Cleanup(cancel)
	return ctx
}

// eventually polls until ok returns true.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			tb.Fatalf("not in %s: %s", patience, what)
		}
		<-tick.C
	}
}

// change appends n events and publishes the new state.
func change(st eventstore.Stream, n int) eventstore.Change {
	c := eventstore.Change{Stream: st.ID, Expected: st.Version, Observed: st.Observed}
	version := st.Version + int64(n)
	for i := range n {
		c.Events = append(c.Events, eventstore.NewEvent{
			Type: "Placed", Schema: 1, Data: fmt.Appendf(make([]byte, 0, 200), "%-200d", i),
			Meta: eventstore.Meta{At: 1, Correlation: "c", Causation: "b", Traceparent: "00-1-2-01"},
		})
	}
	c.State = fmt.Appendf(nil, "%-200d", version)
	c.Record = &eventstore.Record{
		Topic: "orders", Key: st.ID.ID, Value: fmt.Appendf(nil, "%-300d", version),
		Headers: []eventstore.Header{
			{Key: "ce_id", Value: st.ID.ID}, {Key: "ce_type", Value: "order.Placed"}, {Key: "version", Value: fmt.Sprint(version)},
		},
	}
	return c
}

// commit runs one unit on streams.
func commit(ctx context.Context, s eventstore.Store, decide func([]eventstore.Stream) eventstore.Unit, ids ...eventstore.StreamID) error {
	tx, err := s.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	streams, err := tx.Load(ctx, ids...)
	if err != nil {
		return err
	}
	return tx.Commit(ctx, decide(streams))
}

// grow commits one event, with a record, to every stream.
func grow(ctx context.Context, s eventstore.Store, ids ...eventstore.StreamID) error {
	return growWith(ctx, s, nil, ids...)
}

// growWith is grow with read-model statements.
func growWith(ctx context.Context, s eventstore.Store, statements []eventstore.Statement, ids ...eventstore.StreamID) error {
	return commit(ctx, s, func(streams []eventstore.Stream) eventstore.Unit {
		u := eventstore.Unit{Statements: statements}
		for _, st := range streams {
			u.Changes = append(u.Changes, change(st, 1))
		}
		return u
	}, ids...)
}

func version(tb testing.TB, s eventstore.Store, id string) int64 {
	tb.Helper()
	st, err := s.Stream(within(tb), order(id))
	check(tb, err)
	return st.Version
}

// total sets one row of the read model.
func total(id string, amount int64) eventstore.Statement {
	return eventstore.Statement{
		SQL:  `INSERT INTO totals (id, amount) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET amount = excluded.amount`,
		Args: []any{id, amount},
	}
}

// session is a connection beside the store's.
type session struct {
	tb   testing.TB
	conn *pgx.Conn
}

func connect(tb testing.TB, url string) session {
	tb.Helper()
	conn, err := pgx.Connect(within(tb), url)
	check(tb, err)
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = conn.Close(ctx) // it may be broken on purpose
	})
	return session{tb, conn}
}

func (s session) exec(sql string, args ...any) {
	s.tb.Helper()
	_, err := s.conn.Exec(within(s.tb), sql, args...)
	check(s.tb, err)
}

func (s session) number(sql string, args ...any) (n int64) {
	s.tb.Helper()
	check(s.tb, s.conn.QueryRow(within(s.tb), sql, args...).Scan(&n))
	return n
}

// waiting returns how many sessions of an application wait for a lock.
func (s session) waiting(application string) int64 {
	return s.number(`SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'`, application)
}

// with returns the URL with another parameter.
func with(tb testing.TB, raw, name, value string) string {
	tb.Helper()
	u, err := url.Parse(raw)
	check(tb, err)
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// named gives the sessions of a URL a name of the test.
func named(tb testing.TB, raw string) (url, application string) {
	tb.Helper()
	application = fmt.Sprintf("test-%d", schemas.Add(1))
	return with(tb, raw, "application_name", application), application
}
