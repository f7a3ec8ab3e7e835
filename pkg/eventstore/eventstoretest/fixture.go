package eventstoretest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

func order(id string) eventstore.StreamID { return eventstore.StreamID{Kind: "order", ID: id} }

// within gives a case a context that ends well before the test binary does.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want one that is %q", err, want)
	}
}

// eventually polls until ok returns true.
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

// commit runs one unit: it loads the streams, lets decide make the unit, and
// commits it.
func commit(ctx context.Context, s eventstore.Store, decide func([]eventstore.Stream) eventstore.Unit, ids ...eventstore.StreamID) error {
	tx, err := s.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var streams []eventstore.Stream
	if len(ids) > 0 {
		if streams, err = tx.Load(ctx, ids...); err != nil {
			return err
		}
	}
	return tx.Commit(ctx, decide(streams))
}

// commitUnit commits a unit that loads nothing.
func commitUnit(ctx context.Context, s eventstore.Store, u eventstore.Unit) error {
	return commit(ctx, s, func([]eventstore.Stream) eventstore.Unit { return u })
}

// grow commits one event, with a record, to every stream.
func grow(ctx context.Context, s eventstore.Store, ids ...eventstore.StreamID) error {
	return commit(ctx, s, func(streams []eventstore.Stream) eventstore.Unit {
		var u eventstore.Unit
		for _, st := range streams {
			u.Changes = append(u.Changes, growth(st, 1))
		}
		return u
	}, ids...)
}

// growth appends n events and publishes the new state.
func growth(st eventstore.Stream, n int) eventstore.Change {
	c := eventstore.Change{
		Stream: st.ID, Expected: st.Version, Observed: st.Observed,
		State: stateAt(st.Version + int64(n)),
	}
	for i := range n {
		c.Events = append(c.Events, event(st.Version+int64(i)+1))
	}
	c.Record = record(st.ID, st.Version+int64(n))
	return c
}

func stateAt(version int64) []byte { return fmt.Appendf(nil, `{"n":%d}`, version) }

func event(version int64) eventstore.NewEvent {
	return eventstore.NewEvent{
		Type: "Grown", Schema: 1, Data: fmt.Appendf(nil, `{"to":%d}`, version),
		Meta: eventstore.Meta{
			At: 1_700_000_000_000_000 + version, Correlation: "correlation", Causation: "cause",
			Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		},
	}
}

func record(id eventstore.StreamID, version int64) *eventstore.Record {
	return &eventstore.Record{
		Topic: id.Kind + "s", Key: id.ID, Value: stateAt(version),
		Headers: []eventstore.Header{{Key: "version", Value: fmt.Sprint(version)}},
	}
}

// pending reads the whole outbox.
func pending(t *testing.T, s eventstore.Store) []eventstore.OutboxRow {
	t.Helper()
	rows, err := s.Pending(within(t), 0, 1<<20, 1<<30)
	check(t, err)
	return rows
}

func rowIDs(rows []eventstore.OutboxRow) []eventstore.RowID {
	ids := make([]eventstore.RowID, len(rows))
	for i, r := range rows {
		ids[i] = r.RowID
	}
	return ids
}

// history reads all events of a stream, a page at a time.
func history(t *testing.T, s eventstore.Store, id eventstore.StreamID, page int) []eventstore.Event {
	t.Helper()
	var all []eventstore.Event
	for after := int64(0); ; {
		events, err := s.History(within(t), id, after, page)
		check(t, err)
		all = append(all, events...)
		if len(events) < page {
			return all
		}
		after = events[len(events)-1].Version
	}
}
