package aggregate_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/aggregate/aggregatetest"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

func TestDo_AppendsEventsStateAndOneRecordPerStream(t *testing.T) {
	t.Parallel()
	store, d := open(t), accounts()
	err := aggregate.Do(t.Context(), store, func(s *aggregate.Session) error {
		roots, err := d.Load(t.Context(), s, "b", "a", "b")
		if err != nil {
			return err
		}
		if roots[0] != roots[2] || roots[0].ID != "b" || roots[1].ID != "a" {
			t.Errorf("got roots %v: want those of b, a, b, the same for the same id", roots)
		}
		if err := roots[0].Apply(meta(1), deposited{10}, noted{"x"}); err != nil {
			return err
		}
		return errors.Join(roots[2].Apply(meta(2), deposited{5}), roots[1].Apply(meta(3), deposited{1}))
	})
	check(t, err)
	got := must(d.Read(t.Context(), store, "b"))(t)
	if got.Version != 3 || got.State != (state{15, 1}) {
		t.Errorf("got version %d, state %+v", got.Version, got.State)
	}
	var records []string
	for _, r := range rows(t, store) {
		records = append(records, r.Stream.ID+" "+string(r.Record.Value))
	}
	slices.Sort(records)
	if want := []string{`a {"Balance":1}`, `b {"Balance":15}`}; !slices.Equal(records, want) {
		t.Errorf("got records %v, want %v: one per stream, of the last state", records, want)
	}
}

func TestDo_WritesNothingWithoutAChange(t *testing.T) {
	t.Parallel()
	store, d := open(t), accounts()
	check(t, aggregate.Do(t.Context(), store, func(s *aggregate.Session) error {
		r, err := d.LoadOne(t.Context(), s, "a")
		if err == nil && r.Changed() {
			t.Error("a root that was only loaded says that it changed")
		}
		return err
	}))
	if found := must(store.Streams(t.Context(), "account", "", 10))(t); len(found) != 0 {
		t.Errorf("got %v: loading left a stub", found)
	}
}

// Hazard 11: what is observed is stored without an event, in the stream's row, so
// that two that observe at once run one after the other.
func TestObserve_IsKeptBesideTheEventsWithoutOne(t *testing.T) {
	t.Parallel()
	store, d := open(t), accounts()
	see := func(rate int64) {
		check(t, aggregate.Do(t.Context(), store, func(s *aggregate.Session) error {
			r, err := d.LoadOne(t.Context(), s, "a")
			if err == nil {
				r.Observe(observed{r.Observed.Rate + rate})
			}
			return err
		}))
	}
	see(3)
	stub := must(d.Read(t.Context(), store, "a"))(t)
	if stub.Version != 0 || stub.Observed.Rate != 3 || len(rows(t, store)) != 0 {
		t.Errorf("got version %d, %+v, %d records, want a stub that observed 3", stub.Version, stub.Observed, len(rows(t, store)))
	}
	apply(t, store, d, "a", deposited{7})
	see(4)
	got := must(d.Read(t.Context(), store, "a"))(t)
	if got.Version != 1 || got.State.Balance != 7 || got.Observed.Rate != 7 {
		t.Errorf("got version %d, %+v, %+v: events and observations must not overwrite each other", got.Version, got.State, got.Observed)
	}
}

func TestPublish_NilLeavesAVersionGap(t *testing.T) {
	t.Parallel()
	store, d := open(t), accounts()
	apply(t, store, d, "a", deposited{1})
	apply(t, store, d, "a", noted{"nobody's business"})
	apply(t, store, d, "a", deposited{1})
	var versions []int64
	for _, r := range rows(t, store) {
		versions = append(versions, r.Version)
	}
	if !slices.Equal(versions, []int64{1, 3}) {
		t.Errorf("got records of versions %v, want 1 and 3", versions)
	}
	row := must(store.Stream(t.Context(), d.StreamID("a")))(t)
	if row.Version != 3 || row.Published != 3 {
		t.Errorf("got version %d, published %d", row.Version, row.Published)
	}
	apply(t, store, private(), "p", deposited{1})
	if row := must(store.Stream(t.Context(), private().StreamID("p")))(t); row.Published != 0 || row.Version != 1 {
		t.Errorf("a private aggregate: got %+v", row)
	}
}

func TestDo_DecidesAgainAfterAConflict(t *testing.T) {
	t.Parallel()
	store, d := open(t), accounts()
	store.Once(aggregatetest.Conflicting)
	tries := 0
	check(t, aggregate.Do(t.Context(), store, func(s *aggregate.Session) error {
		tries++
		r, err := d.LoadOne(t.Context(), s, "a")
		if err != nil {
			return err
		}
		return r.Apply(meta(1), deposited{5})
	}))
	if got := must(d.Read(t.Context(), store, "a"))(t); tries != 2 || got.State.Balance != 5 {
		t.Errorf("got %d tries, balance %d, want 2 and 5", tries, got.State.Balance)
	}

	store.OnCommit(aggregatetest.Conflicting)
	tries = 0
	err := aggregate.Do(t.Context(), store, func(*aggregate.Session) error { tries++; return nil })
	if !errors.Is(err, eventstore.ErrConflict) || tries < 2 || tries > 20 {
		t.Errorf("got %v after %d tries, want a conflict in the end", err, tries)
	}
}

func TestDo_ReturnsOtherErrorsAsTheyAreAndRollsBack(t *testing.T) {
	t.Parallel()
	store, d := open(t), accounts()
	for _, c := range []struct {
		name   string
		commit aggregatetest.Commit
		refuse error
		want   error
		left   int64
	}{
		{"refusal", nil, errRefused, errRefused, 0},
		{"outcome unknown, lost", aggregatetest.Vanished, nil, eventstore.ErrOutcomeUnknown, 0},
		{"outcome unknown, landed", aggregatetest.Landed, nil, eventstore.ErrOutcomeUnknown, 1},
	} {
		store.OnCommit(c.commit)
		tries := 0
		err := aggregate.Do(t.Context(), store, func(s *aggregate.Session) error {
			tries++
			r, err := d.LoadOne(t.Context(), s, c.name)
			if err != nil {
				return err
			}
			return errors.Join(r.Apply(meta(1), deposited{1}), c.refuse)
		})
		got := must(d.Read(t.Context(), store, c.name))(t)
		if !errors.Is(err, c.want) || tries != 1 || got.Version != c.left {
			t.Errorf("%s: got %v after %d tries, version %d", c.name, err, tries, got.Version)
		}
	}
	if store.Open() != 0 {
		t.Errorf("%d units were left open", store.Open())
	}
}

// Hazard 12: all streams of a unit are locked in one order.
func TestLoad_RefusesLocksInTheWrongOrder(t *testing.T) {
	t.Parallel()
	store, d := open(t), accounts()
	err := aggregate.Do(t.Context(), store, func(s *aggregate.Session) error {
		if _, err := d.Load(t.Context(), s, "m", "z", "a"); err != nil {
			t.Errorf("one call in any order: %v", err)
		}
		if _, err := d.Load(t.Context(), s, "a"); err != nil {
			t.Errorf("one that is held: %v", err)
		}
		_, err := d.Load(t.Context(), s, "b")
		return err
	})
	if !errors.Is(err, eventstore.ErrLockOrder) {
		t.Errorf("got %v, want the wrong order refused", err)
	}
}

func TestLoad_RefusesOneKindWithTwoDefinitions(t *testing.T) {
	t.Parallel()
	store, d := open(t), accounts()
	other := &aggregate.Definition[struct{}, struct{}, event]{Kind: "account"}
	err := aggregate.Do(t.Context(), store, func(s *aggregate.Session) error {
		_, err := d.LoadOne(t.Context(), s, "a")
		if err != nil {
			return err
		}
		_, err = other.LoadOne(t.Context(), s, "a")
		return err
	})
	if err == nil {
		t.Error("one stream was decoded as two kinds of aggregates")
	}
}

func TestApply_RefusesWhatCannotBeEncoded(t *testing.T) {
	t.Parallel()
	store, d := open(t), accounts()
	err := aggregate.Do(t.Context(), store, func(s *aggregate.Session) error {
		r, err := d.LoadOne(t.Context(), s, "a")
		if err != nil {
			return err
		}
		return r.Apply(meta(1), deposited{1}, deposited{0})
	})
	if err == nil || must(d.Read(t.Context(), store, "a"))(t).Version != 0 {
		t.Errorf("got %v, want an error and nothing written", err)
	}
}

func TestHeaders_SayWhatARecordIsWithoutItsSchema(t *testing.T) {
	e := aggregate.Envelope{Source: "/services/bank", TypePrefix: "com.example."}
	m := eventstore.Meta{At: 1_700_000_000_000_001, Correlation: "corr", Causation: "cause"}
	id := eventstore.StreamID{Kind: "account", ID: "a"}
	got := e.Headers(id, 7, "Deposited", m)
	want := []eventstore.Header{
		{Key: "ce_specversion", Value: "1.0"}, {Key: "ce_id", Value: "account/a/7"}, {Key: "ce_type", Value: "com.example.Deposited"},
		{Key: "ce_source", Value: "/services/bank"}, {Key: "ce_time", Value: "2023-11-14T22:13:20.000001Z"}, {Key: "ce_subject", Value: "a"},
		{Key: "content-type", Value: "application/vnd.confluent.avro"}, {Key: "version", Value: "7"},
		{Key: "correlation-id", Value: "corr"}, {Key: "causation-id", Value: "cause"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	m.Traceparent = "00-1-2-01"
	if got := e.Headers(id, 7, "Deposited", m); got[len(got)-1] != (eventstore.Header{Key: "traceparent", Value: "00-1-2-01"}) {
		t.Errorf("got %v as the last header", got[len(got)-1])
	}
}
