package payment

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The rows of the reaction table that the payment owns, one test each.
func TestReact_FollowsTheTable(t *testing.T) {
	due := func(amount int64) Observed { return Observed{Order: order(9, OrderCompleted, amount)} }
	for _, row := range []struct {
		name    string
		state   func(rapid.TB) State
		seen    Observed
		outcome Command
		want    string
	}{
		{"payment none | nothing seen | nothing", none, Observed{}, nil, "none"},
		{"payment none | O PLACED | AUTHORIZING, intent", none, saw(OrderPlaced), nil, "AUTHORIZING 536365/create/0-1000"},
		{"payment none | O CANCELLED | VOIDED (floor)", none, saw(OrderCancelled), nil, "VOIDED"},
		{"payment a command in flight | O CANCELLED | remember", creating, saw(OrderCancelled), nil, "AUTHORIZING 536365/create/0-1000"},
		{"payment CREATE in flight | O CANCELLED | at its outcome: void by id", creating, saw(OrderCancelled), RecordOpened{GatewayID: "pi_1"}, "AUTHORIZING 536365/void/0-1000"},
		{"payment CONFIRM in flight | O CANCELLED | remember", confirming, saw(OrderCancelled), nil, "AUTHORIZING 536365/confirm/0-1000"},
		{"payment CONFIRM in flight | O CANCELLED | at its outcome: void", confirming, saw(OrderCancelled), RecordAuthorized{}, "AUTHORIZED 536365/void/0-1000"},
		{"payment CONFIRM in flight | O CANCELLED | refused: DECLINED", confirming, saw(OrderCancelled), RecordDeclined{}, "DECLINED"},
		{"payment AUTHORIZING | opened | confirm", creating, saw(OrderPlaced), RecordOpened{GatewayID: "pi_1"}, "AUTHORIZING 536365/confirm/0-1000"},
		{"payment AUTHORIZING | approved | AUTHORIZED", confirming, saw(OrderPlaced), RecordAuthorized{}, "AUTHORIZED"},
		{"payment AUTHORIZING | refused | DECLINED", confirming, saw(OrderPlaced), RecordDeclined{}, "DECLINED"},
		{"payment AUTHORIZING | refused at once | DECLINED", creating, saw(OrderPlaced), RecordDeclined{}, "DECLINED"},
		{"payment AUTHORIZED | O CONFIRMED | capture", authorized, saw(OrderConfirmed), nil, "AUTHORIZED 536365/capture/0-1000"},
		{"payment AUTHORIZED | O CONFIRMED | captured → CAPTURED", capturing, saw(OrderConfirmed), RecordCaptured{}, "CAPTURED"},
		{"payment AUTHORIZED | O CONFIRMED | refused → void", capturing, saw(OrderConfirmed), RecordCaptureRefused{}, "AUTHORIZED 536365/void/0-1000"},
		{"payment AUTHORIZED | O CONFIRMED | refused → void → VOIDED", voidingRefused, saw(OrderConfirmed), RecordVoided{}, "VOIDED"},
		{"payment AUTHORIZED | O CANCELLED | void", authorized, saw(OrderCancelled), nil, "AUTHORIZED 536365/void/0-1000"},
		{"payment AUTHORIZED | O CANCELLED | void → VOIDED", voiding, saw(OrderCancelled), RecordVoided{}, "VOIDED"},
		{"payment CAPTURED | refund due 0 | nothing", captured, due(0), nil, "CAPTURED"},
		{"payment CAPTURED | refund due > refunded | one refund from → to", captured, due(300), nil, "CAPTURED 536365/refund/0-300"},
		{"payment REFUND in flight | refund due grows | remember", refundingSome, due(700), nil, "CAPTURED 536365/refund/0-300"},
		{"payment REFUND in flight | refund due grows | at its outcome: the next", refundingSome, due(700), RecordRefunded{To: 300}, "CAPTURED 536365/refund/300-700"},
		{"payment CAPTURED | some refunded, no more due | nothing", refundedSome, due(300), nil, "CAPTURED"},
		{"payment CAPTURED | all refunded | REFUNDED", captured, due(1_000), nil, "CAPTURED 536365/refund/0-1000"},
		{"payment CAPTURED | all refunded | → REFUNDED", refundingAll, due(1_000), RecordRefunded{To: 1_000}, "REFUNDED"},
		{"payment DECLINED | O CANCELLED | nothing", declined, saw(OrderCancelled), nil, "DECLINED"},
		{"payment VOIDED | O PLACED (behind) | nothing", voided, saw(OrderPlaced), nil, "VOIDED"},
		{"payment VOIDED by a refusal | O CANCELLED | nothing", voidedRefused, saw(OrderCancelled), nil, "VOIDED"},
		{"payment CAPTURED | O PLACED (behind) | nothing", captured, saw(OrderPlaced), nil, "CAPTURED"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := followed(t, row.state(t), row.seen)
			if row.outcome != nil {
				got = answered(t, got, row.seen, row.outcome)
			}
			if standing(got) != row.want {
				t.Fatalf("payment is %s, want %s", standing(got), row.want)
			}
		})
	}
}

func none(rapid.TB) State            { return State{} }
func refundingSome(t rapid.TB) State { return refunding(t, 300) }
func refundingAll(t rapid.TB) State  { return refunding(t, 1_000) }
func refundedSome(t rapid.TB) State  { return refunded(t, 300) }
func refundedAll(t rapid.TB) State   { return refunded(t, 1_000) }

// Every standing against every order, as a text to review.
func TestReact_WholeTableAsText(t *testing.T) {
	states := []struct {
		name  string
		state func(rapid.TB) State
	}{
		{"none", none},
		{"AUTHORIZING, CREATE in flight", creating},
		{"AUTHORIZING, CONFIRM in flight", confirming},
		{"AUTHORIZED", authorized},
		{"AUTHORIZED, CAPTURE in flight", capturing},
		{"AUTHORIZED, VOID after a cancellation", voiding},
		{"AUTHORIZED, VOID after a refused capture", voidingRefused},
		{"DECLINED", declined},
		{"VOIDED, a floor", floor},
		{"VOIDED after a cancellation", voided},
		{"VOIDED after a refused capture", voidedRefused},
		{"CAPTURED", captured},
		{"CAPTURED, REFUND 0-300 in flight", refundingSome},
		{"CAPTURED, 300 refunded", refundedSome},
		{"REFUNDED", refundedAll},
	}
	orders := []struct {
		name string
		seen Order
	}{
		{"PLACED", order(9, OrderPlaced, 0)},
		{"CONFIRMED", order(9, OrderConfirmed, 0)},
		{"COMPLETED", order(9, OrderCompleted, 0)},
		{"COMPLETED, 500 due", order(9, OrderCompleted, 500)},
		{"RETURNED, 1000 due", order(9, OrderReturned, 1_000)},
		{"RETURNED, 1001 due", order(9, OrderReturned, 1_001)},
		{"CANCELLED", order(9, OrderCancelled, 0)},
	}
	var text strings.Builder
	text.WriteString("Down: the payment. Across: the order seen. · nothing to do, ! impossible.\n\n")
	fmt.Fprintf(&text, "%-42s", "")
	for _, o := range orders {
		fmt.Fprintf(&text, "%-20s", o.name)
	}
	for _, s := range states {
		fmt.Fprintf(&text, "\n%-42s", s.name)
		for _, o := range orders {
			fmt.Fprintf(&text, "%-20s", reaction(t, s.state(t), Observed{Order: o.seen}))
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
	after := decided(t, s, c)
	if f := after.InFlight; f.Kind == KindRefund {
		return fmt.Sprintf("REFUND %d-%d", f.From, f.To)
	} else if f.Kind != KindNone {
		return string(f.Kind)
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

func TestReact_AlarmsOnAStatusNobodyKnows(t *testing.T) {
	_, err := follow(t, authorized(t), saw("LOST"))
	wantError(t, err, ErrImpossible)
}
