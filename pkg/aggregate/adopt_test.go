package aggregate_test

import (
	"slices"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// amend does something to one account in a unit of its own.
func amend(t *testing.T, w eventstore.Writer, id string, do func(*root) error) {
	t.Helper()
	d := accounts()
	err := aggregate.Do(t.Context(), w, func(s *aggregate.Session) error {
		r, err := d.LoadOne(t.Context(), s, id)
		if err != nil {
			return err
		}
		return do(r)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAdopt_TakesOverAStateAndSaysWhatIsLost(t *testing.T) {
	t.Parallel()
	store, d := open(t), accounts()
	apply(t, store, d, "a", deposited{1})
	apply(t, store, d, "a", deposited{2}) // written since the database was set back
	amend(t, store, "a", func(r *root) error {
		return r.Adopt(meta(9), aggregate.Adoption[state]{
			State: state{Balance: 50, Notes: 1}, Version: 6, Published: []int64{4}, Withdrawn: []int64{2},
		})
	})
	apply(t, store, d, "a", deposited{5})

	seen := inspect(t, d, store, "a")
	if seen.Fault != "" || seen.Version != 7 || seen.State != (state{55, 1}) || seen.Record != (public{55}) {
		t.Errorf("got %+v", seen)
	}
	if want := []int64{1, 4, 6, 7}; !slices.Equal(seen.Published, want) {
		t.Errorf("published %v, want %v", seen.Published, want)
	}
	var names []string
	for _, e := range must(store.History(t.Context(), d.StreamID("a"), 0, 100))(t) {
		names = append(names, e.Type)
	}
	lost, adopted := aggregate.EventLost, aggregate.EventAdopted
	if want := []string{"Deposited", "Deposited", lost, lost, lost, adopted, "Deposited"}; !slices.Equal(names, want) {
		t.Errorf("history %v, want %v", names, want)
	}
}

func TestAdopt_RefusesAVersionThatIsTaken(t *testing.T) {
	t.Parallel()
	store, d := open(t), accounts()
	apply(t, store, d, "a", deposited{1})
	err := aggregate.Do(t.Context(), store, func(s *aggregate.Session) error {
		r := must(d.LoadOne(t.Context(), s, "a"))(t)
		return r.Adopt(meta(9), aggregate.Adoption[state]{Version: 1})
	})
	if err == nil {
		t.Error("adopted over what is there")
	}
}

// What is adopted can look like what was there; readers hear of it all the same.
func TestAdopt_MakesARecordWhateverWasBefore(t *testing.T) {
	t.Parallel()
	store, d := open(t), accounts()
	apply(t, store, d, "a", deposited{7})
	amend(t, store, "a", func(r *root) error {
		return r.Adopt(meta(9), aggregate.Adoption[state]{State: r.State, Version: 2})
	})
	if n := len(rows(t, store)); n != 2 {
		t.Errorf("%d records, want 2", n)
	}
}

func TestSkip_PublishesNothing(t *testing.T) {
	t.Parallel()
	store, d := open(t), accounts()
	d.Publish = func(tr aggregate.Transition[state]) (*eventstore.Record, error) {
		return &eventstore.Record{Topic: "accounts", Key: tr.Stream.ID}, nil // whatever happens
	}
	apply(t, store, d, "a", deposited{7})
	err := aggregate.Do(t.Context(), store, func(s *aggregate.Session) error {
		must(d.LoadOne(t.Context(), s, "a"))(t).Skip(meta(1), 3)
		return nil
	})
	check(t, err)
	if seen := inspect(t, d, store, "a"); seen.Fault != "" || seen.Version != 4 || seen.State != (state{7, 0}) || len(rows(t, store)) != 1 {
		t.Errorf("got %+v, %d records", seen, len(rows(t, store)))
	}
}

func TestRepublish_TellsTheSameUnderANewVersion(t *testing.T) {
	t.Parallel()
	store, d := open(t), accounts()
	apply(t, store, d, "a", deposited{7})
	amend(t, store, "a", func(r *root) error { return r.Republish(meta(9), []int64{1}) })
	seen := inspect(t, d, store, "a")
	if seen.Fault != "" || seen.State != (state{7, 0}) || !slices.Equal(seen.Published, []int64{2}) {
		t.Errorf("got %+v", seen)
	}
	last := rows(t, store)[1].Record
	if string(last.Value) != `{"Balance":7}` || !slices.Contains(last.Headers, eventstore.Header{Key: aggregate.HeaderRepublished, Value: "true"}) {
		t.Errorf("got %s with %v", last.Value, last.Headers)
	}
}

func TestAt_IsWhatARecordSaid(t *testing.T) {
	t.Parallel()
	store, d := open(t), accounts()
	for _, e := range []event{deposited{1}, noted{"x"}, deposited{2}} {
		apply(t, store, d, "a", e)
	}
	for version, want := range map[int64]int64{1: 1, 3: 3} {
		tr, ok, err := d.At(t.Context(), store, "a", version)
		if err != nil || !ok || tr.After.Balance != want {
			t.Errorf("at %d: %+v, %t, %v; want %d", version, tr.After, ok, err, want)
		}
	}
	for _, version := range []int64{2, 4} { // nobody was told, never was
		if _, ok, err := d.At(t.Context(), store, "a", version); ok || err != nil {
			t.Errorf("at %d: %t, %v; want nothing", version, ok, err)
		}
	}
}
