package sqlite

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

func TestHeaders_SurviveAnyText(t *testing.T) {
	part := rapid.OneOf(rapid.String(), rapid.StringMatching(`[\\:nc\n]{0,6}`))
	rapid.Check(t, func(t *rapid.T) {
		var want []eventstore.Header
		for range rapid.IntRange(0, 5).Draw(t, "headers") {
			want = append(want, eventstore.Header{Key: part.Draw(t, "key"), Value: part.Draw(t, "value")})
		}
		got, err := decodeHeaders(encodeHeaders(want))
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("got %q, %v, want %q", got, err, want)
		}
	})
}

func TestHeaders_AreReadable(t *testing.T) {
	got := encodeHeaders([]eventstore.Header{{Key: "ce_type", Value: "order.Placed"}, {Key: "ce_time", Value: "12:30"}})
	if want := "ce_type:order.Placed\nce_time:12:30\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := decodeHeaders("no colon\n"); err == nil {
		t.Error("damaged headers were accepted")
	}
}

func TestRowset_RunsEveryRowOnceInOrder(t *testing.T) {
	r := newRowset("", 1, "")
	c := &conn{}
	for _, n := range []int{0, 1, 2, 3, 7, 127, 128, 129, 1000} {
		var seen []int64
		err := r.chunks(c, n, func(i int, a *arguments) { a.add(int64(i)) }, func(sql string) error {
			for i, a := range c.args {
				if a.Ordinal != i+1 {
					return fmt.Errorf("argument %d has ordinal %d", i, a.Ordinal)
				}
				seen = append(seen, integer(a.Value))
			}
			if want := 4*len(c.args) - 1; len(sql) != want { // "(?)" and commas
				return fmt.Errorf("statement of %d bytes for %d rows", len(sql), len(c.args))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(seen) != n || !slices.IsSorted(seen) {
			t.Errorf("%d rows: ran %v", n, seen)
		}
	}
}
