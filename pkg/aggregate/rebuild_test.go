package aggregate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/aggregate/aggregatetest"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// corrupt writes a stream's row anew, wrongly.
func corrupt(t testing.TB, store eventstore.Writer, id eventstore.StreamID, wrong func(*eventstore.Change)) {
	t.Helper()
	tx := must(store.Begin(t.Context()))(t)
	defer tx.Rollback()
	row := must(tx.Load(t.Context(), id))(t)[0]
	c := eventstore.Change{Stream: id, Expected: row.Version, State: row.State, Observed: row.Observed}
	wrong(&c)
	if err := tx.Commit(t.Context(), eventstore.Unit{Changes: []eventstore.Change{c}}); err != nil {
		t.Fatal(err)
	}
}

func inspect(t testing.TB, d *aggregate.Definition[state, observed, event], r eventstore.Reader, id string) aggregate.Inspection {
	t.Helper()
	row := must(r.Stream(t.Context(), d.StreamID(id)))(t)
	return must(d.Inspect(t.Context(), r, row))(t)
}

func TestRebuild_FoldsTheEventsToTheStoredState(t *testing.T) {
	t.Parallel()
	store, d := open(t), accounts()
	for i := range 1200 { // more than one page
		apply(t, store, d, "a", []event{deposited{1}, noted{"x"}}[i%2])
	}
	built := must(d.Rebuild(t.Context(), store, "a"))(t)
	if built.Version != 1200 || built.State != (state{600, 600}) || len(built.Published) != 600 || built.Last.Version != 1199 {
		t.Errorf("got version %d, %+v, %d published, the last %d", built.Version, built.State, len(built.Published), built.Last.Version)
	}
	before := len(rows(t, store))
	seen := inspect(t, d, store, "a")
	if seen.Fault != "" || seen.Version != 1200 || seen.Record != (public{600}) || seen.State != (state{600, 600}) {
		t.Errorf("got %+v", seen)
	}
	if len(rows(t, store)) != before {
		t.Error("an inspection wrote to the outbox")
	}
}

func TestRebuild_ReadsOldShapesOfEvents(t *testing.T) {
	t.Parallel()
	store, d := open(t), accounts()
	corrupt(t, store, d.StreamID("a"), func(c *eventstore.Change) { // as an old version of the program wrote it
		c.Events = []eventstore.NewEvent{{Type: "Deposited", Schema: 1, Data: []byte(`{"Units":3}`)}}
		c.State = []byte(`{"Balance":300,"Notes":0}`)
	})
	apply(t, store, d, "a", deposited{7})
	if seen := inspect(t, d, store, "a"); seen.Fault != "" || seen.State != (state{307, 0}) {
		t.Errorf("got %+v", seen)
	}
}

// tampered shows a history other than the stored one.
type tampered struct {
	eventstore.Reader
	change func([]eventstore.Event) []eventstore.Event
}

func (r tampered) History(ctx context.Context, id eventstore.StreamID, after int64, limit int) ([]eventstore.Event, error) {
	events, err := r.Reader.History(ctx, id, after, limit)
	return r.change(events), err
}

func TestInspect_FindsEveryDisagreementOfRowAndEvents(t *testing.T) {
	t.Parallel()
	store, d := open(t), accounts()
	apply(t, store, d, "good", deposited{1})
	apply(t, store, d, "good", deposited{1}, noted{"x"})
	apply(t, store, d, "state", deposited{1})
	corrupt(t, store, d.StreamID("state"), func(c *eventstore.Change) { c.State = []byte(`{"Balance":2,"Notes":0}`) })
	apply(t, store, d, "spelling", deposited{1})
	corrupt(t, store, d.StreamID("spelling"), func(c *eventstore.Change) { c.State = []byte(`{"Balance": 1,"Notes":0}`) })
	apply(t, store, d, "unknown", deposited{1})
	corrupt(t, store, d.StreamID("unknown"), func(c *eventstore.Change) {
		c.Events = []eventstore.NewEvent{{Type: "Imagined", Schema: 1, Data: []byte(`{}`)}}
	})
	drop := func(n int) func([]eventstore.Event) []eventstore.Event {
		return func(e []eventstore.Event) []eventstore.Event { return slices.Delete(slices.Clone(e), n, n+1) }
	}
	same := func(e []eventstore.Event) []eventstore.Event { return e }
	for _, c := range []struct {
		name, id string
		change   func([]eventstore.Event) []eventstore.Event
		want     string // in the fault
	}{
		{"nothing wrong", "good", same, ""},
		{"nothing there", "none", same, ""},
		{"state row", "state", same, "state row differs"},
		{"encoding of the state row", "spelling", same, "state row differs"},
		{"unknown event", "unknown", same, "Imagined"},
		{"gap", "good", drop(1), "account/good at 3: it follows version 1"},
		{"missing end", "good", drop(2), "row is at version 3, events end at 2"},
		{"published", "good", func(e []eventstore.Event) []eventstore.Event {
			e = slices.Clone(e)
			e[len(e)-1].Published = false
			return e
		}, "row says that version 3 was published last, events say 1"},
	} {
		seen := inspect(t, d, tampered{store, c.change}, c.id)
		if (c.want == "") != (seen.Fault == "") || !strings.Contains(seen.Fault, c.want) {
			t.Errorf("%s: got fault %q, want %q", c.name, seen.Fault, c.want)
		}
		if seen.ID != c.id || seen.Kind != "account" {
			t.Errorf("%s: got the inspection of %s/%s", c.name, seen.Kind, seen.ID)
		}
	}
	if _, err := d.Rebuild(t.Context(), tampered{store, drop(0)}, "good"); !errors.As(err, new(*aggregate.HistoryError)) {
		t.Errorf("got %v, want a *HistoryError", err)
	}
}

// A database that is away is no fault of the stream.
func TestInspect_AccusesNobodyOfAFailingDatabase(t *testing.T) {
	t.Parallel()
	store, d := open(t), accounts()
	apply(t, store, d, "a", deposited{1})
	row := must(store.Stream(t.Context(), d.StreamID("a")))(t)
	store.SetAway(true)
	if seen, err := d.Inspect(t.Context(), store, row); !errors.Is(err, aggregatetest.ErrAway) || seen.Fault != "" {
		t.Errorf("got %+v, %v", seen, err)
	}
}

// busy commits something before each of its first reads.
type busy struct {
	eventstore.Reader
	left   int
	commit func()
}

func (r *busy) interfere() {
	if r.left > 0 {
		r.left--
		r.commit()
	}
}

func (r *busy) History(ctx context.Context, id eventstore.StreamID, after int64, limit int) ([]eventstore.Event, error) {
	r.interfere()
	return r.Reader.History(ctx, id, after, limit)
}

func (r *busy) Stream(ctx context.Context, id eventstore.StreamID) (eventstore.Stream, error) {
	r.interfere()
	return r.Reader.Stream(ctx, id)
}

func TestInspect_AccusesNobodyWhileTheStreamGrows(t *testing.T) {
	t.Parallel()
	store, d := open(t), accounts()
	grow := func() { apply(t, store, d, "a", deposited{1}) }
	grow()
	for writes := range 8 {
		row := must(store.Stream(t.Context(), d.StreamID("a")))(t)
		seen, err := d.Inspect(t.Context(), &busy{store, writes, grow}, row)
		if err != nil || seen.Fault != "" || seen.Version < row.Version {
			t.Errorf("%d writes meanwhile: got %+v, %v", writes, seen, err)
		}
	}
}

func TestInspection_IsReadableAsJSON(t *testing.T) {
	t.Parallel()
	store, d := open(t), accounts()
	apply(t, store, d, "a", deposited{5})
	got := string(must(json.Marshal(inspect(t, d, store, "a")))(t))
	want := `{"kind":"account","id":"a","version":1,"published":[1],"record":{"Balance":5},"state":{"Balance":5,"Notes":0}}`
	if got != want || fmt.Sprint(d.KindName()) != "account" {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
