package postgres_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres"
)

// five returns a store whose outbox holds a row of each of five streams.
func five(t *testing.T) (*postgres.Store, []eventstore.OutboxRow) {
	t.Helper()
	s := openStore(t)
	for _, id := range []string{"1", "2", "3", "4", "5"} {
		check(t, grow(t.Context(), s, order(id)))
	}
	rows, err := s.Pending(t.Context(), 0, 10, 1<<20)
	check(t, err)
	if len(rows) != 5 {
		t.Fatalf("%d rows wait, not 5", len(rows))
	}
	return s, rows
}

// left returns the streams whose rows wait.
func left(t *testing.T, s *postgres.Store) (ids []string) {
	t.Helper()
	rows, err := s.Pending(t.Context(), 0, 10, 1<<20)
	check(t, err)
	for _, row := range rows {
		ids = append(ids, row.Stream.ID)
	}
	return ids
}

// Where the rows stand is a hint. What is deleted is what is named, as without it.
func TestPublishedSpan_DeletesTheRowsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		named       []int // of the five
		first, last int
		want        []string
	}{
		"a row between has no name": {[]int{0, 2}, 0, 2, []string{"2", "4", "5"}},
		"a row stands below":        {[]int{0, 2}, 1, 4, []string{"2", "4", "5"}},
		"a row stands above":        {[]int{1, 4}, 1, 2, []string{"1", "3", "4"}},
		"the span is empty":         {[]int{3}, 4, 0, []string{"1", "2", "3", "5"}},
		"nothing is named":          {nil, 0, 4, []string{"1", "2", "3", "4", "5"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, rows := five(t)
			var ids []eventstore.RowID
			for _, i := range c.named {
				ids = append(ids, rows[i].RowID)
			}
			state := eventstore.RelayState{Batch: 1, PositionTopicID: "topic", PositionOffset: 7}
			check(t, s.PublishedSpan(t.Context(), "relay", ids, rows[c.first].Seq, rows[c.last].Seq, state))
			if got := left(t, s); !slices.Equal(got, c.want) {
				t.Errorf("%v wait, want %v", got, c.want)
			}
			stored, err := s.RelayState(t.Context(), "relay")
			check(t, err)
			if stored.Batch != 1 || stored.PositionTopicID != "topic" || stored.PositionOffset != 7 {
				t.Errorf("the relay is at %+v", stored)
			}
		})
	}
}

func TestPublishedSpan_TakesRowsThatAreGoneForDeleted(t *testing.T) {
	s, rows := five(t)
	ids := []eventstore.RowID{rows[0].RowID, rows[1].RowID}
	check(t, s.PublishedSpan(t.Context(), "relay", ids[:1], rows[0].Seq, rows[0].Seq, eventstore.RelayState{Batch: 1}))
	check(t, s.PublishedSpan(t.Context(), "relay", ids, rows[0].Seq, rows[1].Seq, eventstore.RelayState{Batch: 2}))
	if got := left(t, s); !slices.Equal(got, []string{"3", "4", "5"}) {
		t.Errorf("%v wait", got)
	}
}

func TestPublishedSpan_DeletesNothingForALateCaller(t *testing.T) {
	s, rows := five(t)
	ids := []eventstore.RowID{rows[0].RowID}
	for name, state := range map[string]eventstore.RelayState{
		"a batch too far":        {Batch: 2},
		"of another store epoch": {Batch: 1, StoreEpoch: "other"},
	} {
		err := s.PublishedSpan(t.Context(), "relay", ids, rows[0].Seq, rows[4].Seq, state)
		if !errors.Is(err, eventstore.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := left(t, s); len(got) != 5 {
		t.Errorf("%v wait, want all", got)
	}
}
