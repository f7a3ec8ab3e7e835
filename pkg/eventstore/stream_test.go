package eventstore_test

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

func id(kind, name string) eventstore.StreamID { return eventstore.StreamID{Kind: kind, ID: name} }

func TestStreamID_SortsByKindThenBytewise(t *testing.T) {
	want := []eventstore.StreamID{id("a", "z"), id("b", ""), id("b", "10"), id("b", "9"), id("b", "B"), id("b", "a"), id("b", "ä")}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, eventstore.StreamID.Compare)
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if s := want[2].String(); s != "b/10" {
		t.Errorf("got %q", s)
	}
}

func TestLockOrder_GivesNewStreamsSortedOnce(t *testing.T) {
	var l eventstore.LockOrder
	got, err := l.Next([]eventstore.StreamID{id("o", "c"), id("o", "a"), id("o", "c")})
	if want := []eventstore.StreamID{id("o", "a"), id("o", "c")}; err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %v, %v, want %v", got, err, want)
	}
	got, err = l.Next([]eventstore.StreamID{id("o", "c"), id("p", "a"), id("o", "a")})
	if want := []eventstore.StreamID{id("p", "a")}; err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %v, %v, want %v", got, err, want)
	}
	if got, err := l.Next(nil); err != nil || len(got) != 0 {
		t.Fatalf("got %v, %v for no streams", got, err)
	}
	if !l.Held(id("o", "a")) || l.Held(id("o", "b")) {
		t.Error("held are not the streams that were given")
	}
}

func TestLockOrder_RefusesAStreamBeforeThoseHeld(t *testing.T) {
	var l eventstore.LockOrder
	if _, err := l.Next([]eventstore.StreamID{id("o", "a"), id("o", "c")}); err != nil {
		t.Fatal(err)
	}
	_, err := l.Next([]eventstore.StreamID{id("o", "d"), id("o", "b")})
	var wrong *eventstore.LockOrderError
	if !errors.Is(err, eventstore.ErrLockOrder) || !errors.As(err, &wrong) ||
		wrong.Asked != id("o", "b") || wrong.Held != id("o", "c") {
		t.Fatalf("got %v, want b refused after c", err)
	}
	if l.Held(id("o", "d")) {
		t.Error("a refused call locked something")
	}
}

// However the calls are made, locks are only ever taken upwards.
func TestLockOrder_TakesLocksUpwards(t *testing.T) {
	stream := rapid.Custom(func(t *rapid.T) eventstore.StreamID {
		return id(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "kind"), rapid.StringMatching(`[0-9]{1,2}`).Draw(t, "id"))
	})
	rapid.Check(t, func(t *rapid.T) {
		var l eventstore.LockOrder
		var taken []eventstore.StreamID
		for range rapid.IntRange(1, 6).Draw(t, "calls") {
			ids := rapid.SliceOfN(stream, 0, 6).Draw(t, "ids")
			fresh, err := l.Next(ids)
			if err != nil {
				continue
			}
			taken = append(taken, fresh...)
			for _, asked := range ids {
				if !l.Held(asked) {
					t.Fatalf("%s was asked for and is not held", asked)
				}
			}
		}
		for i := 1; i < len(taken); i++ {
			if taken[i-1].Compare(taken[i]) >= 0 {
				t.Fatalf("%s was taken after %s", taken[i], taken[i-1])
			}
		}
	})
}

func TestConflictError_SaysWhatMoved(t *testing.T) {
	var err error = &eventstore.ConflictError{What: "stream order/42", Expected: 3, Actual: 5}
	if !errors.Is(err, eventstore.ErrConflict) || errors.Is(err, eventstore.ErrLockOrder) {
		t.Error("a conflict is not told from other errors")
	}
	if want := "conflict on stream order/42: expected 3, found 5"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	err = &eventstore.LockOrderError{Asked: id("o", "a"), Held: id("o", "b")}
	if want := "lock o/a after o/b: streams must be loaded in ascending order"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestRecordSize_CountsKeyValueAndHeaders(t *testing.T) {
	empty := eventstore.Record{Topic: "not counted"}
	full := eventstore.Record{
		Key: "1234", Value: make([]byte, 100),
		Headers: []eventstore.Header{{Key: "ab", Value: "cde"}, {Key: "", Value: ""}},
	}
	framing := empty.Size()
	if want := framing + 4 + 100 + (framing + 5) + framing; full.Size() != want {
		t.Errorf("got %d, want %d", full.Size(), want)
	}
}
