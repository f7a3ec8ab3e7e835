package inventory

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The rows of the reaction table that inventory owns, one test each.
func TestReact_FollowsTheTable(t *testing.T) {
	for _, row := range []struct {
		name  string
		state func(rapid.TB) State
		seen  Observed
		stock []Availability
		want  Status
		back  int64
	}{
		{"inventory none | nothing seen | nothing", none, Observed{}, nil, StatusNone, 0},
		{"inventory none | O PLACED | RESERVED", none, saw(OrderPlaced), plenty(), StatusReserved, 0},
		{"inventory none | O PLACED | REJECTED", none, saw(OrderPlaced), nil, StatusRejected, 0},
		{"inventory none | O CANCELLED | RELEASED (floor)", none, saw(OrderCancelled), nil, StatusReleased, 0},
		{"inventory RESERVED | O PLACED again | nothing", reserved, saw(OrderPlaced), nil, StatusReserved, 0},
		{"inventory RESERVED | O CONFIRMED | COMMITTED", reserved, saw(OrderConfirmed), nil, StatusCommitted, 0},
		{"inventory RESERVED | O CANCELLED | RELEASED", reserved, saw(OrderCancelled), nil, StatusReleased, 0},
		{"inventory COMMITTED | O CONFIRMED again | nothing", committed, saw(OrderConfirmed), nil, StatusCommitted, 0},
		{"inventory COMMITTED | O COMPLETED | nothing", committed, saw(OrderCompleted), nil, StatusCommitted, 0},
		{"inventory COMMITTED | O CANCELLED | RESTOCKED (all)", committed, saw(OrderCancelled), nil, StatusRestocked, 11},
		{"inventory COMMITTED | returned > restocked | restock the difference", committed, saw(OrderCompleted, 2), nil, StatusCommitted, 2},
		{"inventory COMMITTED | returned grows | restock the difference", someReturned, saw(OrderCompleted, 5, 1), nil, StatusCommitted, 6},
		{"inventory COMMITTED | returned is behind | nothing", someReturned, saw(OrderCompleted, 1), nil, StatusCommitted, 2},
		{"inventory COMMITTED | all returned | RESTOCKED when all", someReturned, saw(OrderReturned, 6, 3, 2), nil, StatusRestocked, 11},
		{"inventory COMMITTED | all returned at once, COMPLETED unseen | RESTOCKED", committed, saw(OrderReturned, 6, 3, 2), nil, StatusRestocked, 11},
		{"inventory REJECTED | O CANCELLED | nothing", rejected, saw(OrderCancelled), plenty(), StatusRejected, 0},
		{"inventory RELEASED | O PLACED (behind) | nothing", released, saw(OrderPlaced), plenty(), StatusReleased, 0},
		{"inventory RESTOCKED | O CONFIRMED (behind) | nothing", takenBack, saw(OrderConfirmed), nil, StatusRestocked, 11},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := follow(t, row.state(t), row.seen, row.stock)
			if err != nil {
				t.Fatal(err)
			}
			if got.Status != row.want || got.RestockedTotal() != row.back {
				t.Fatalf("reservation is %s with %d back, want %s with %d", got.Status, got.RestockedTotal(), row.want, row.back)
			}
		})
	}
}

// Every status against every order, as a text to review.
func TestReact_WholeTableAsText(t *testing.T) {
	states := []struct {
		name  string
		state func(rapid.TB) State
	}{
		{"none", none},
		{"RESERVED", reserved},
		{"REJECTED", rejected},
		{"COMMITTED", committed},
		{"COMMITTED, 2 of 11 back", someReturned},
		{"RELEASED", released},
		{"RELEASED, a floor", floor},
		{"RESTOCKED after a cancellation", takenBack},
		{"RESTOCKED after returns", allReturned},
	}
	orders := []struct {
		name string
		seen Order
	}{
		{"PLACED", order(9, OrderPlaced)},
		{"CONFIRMED", order(9, OrderConfirmed)},
		{"COMPLETED", order(9, OrderCompleted)},
		{"COMPLETED, 3 back", order(9, OrderCompleted, 3)},
		{"COMPLETED, 7 of 6 back", order(9, OrderCompleted, 7)},
		{"RETURNED", order(9, OrderReturned, 6, 3, 2)},
		{"CANCELLED", order(9, OrderCancelled)},
	}
	var text strings.Builder
	text.WriteString("Down: the reservation. Across: the order seen. · nothing to do, ! impossible.\n\n")
	fmt.Fprintf(&text, "%-32s", "")
	for _, o := range orders {
		fmt.Fprintf(&text, "%-24s", o.name)
	}
	for _, s := range states {
		fmt.Fprintf(&text, "\n%-32s", s.name)
		for _, o := range orders {
			fmt.Fprintf(&text, "%-24s", reaction(t, s.state(t), Observed{Order: o.seen}))
		}
	}
	golden(t, "testdata/reactions.txt", text.String()+"\n")
}

func reaction(t *testing.T, s State, o Observed) string {
	t.Helper()
	c := React(s, o)
	if c == nil {
		return "·"
	}
	if _, alarm := c.(Contradict); alarm {
		_, err := Decide(s, c)
		wantError(t, err, ErrImpossible)
		return "!"
	}
	after := decided(t, s, WithAvailable(c, plenty()))
	if back := after.RestockedTotal() - s.RestockedTotal(); back > 0 {
		return fmt.Sprintf("%s, puts back %d", after.Status, back)
	}
	return string(after.Status)
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	lines := strings.Split(got, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	got = strings.Join(lines, "\n")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; run with -update and review:\n%s", path, got)
	}
}

func TestReact_AlarmsOnWhatCannotBe(t *testing.T) {
	stranger := order(9, OrderCompleted)
	stranger.Lines = append(stranger.Lines, OrderLine{Line: 7, SKU: "X", Quantity: 1, Returned: 1})
	for name, o := range map[string]Order{
		"a line that was never reserved came back": stranger,
		"a status nobody knows":                    order(9, "LOST"),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := follow(t, committed(t), Observed{Order: o}, nil)
			wantError(t, err, ErrImpossible)
		})
	}
}
