package order

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The rows of the reaction table that the order owns, one test each.
func TestReact_FollowsTheTable(t *testing.T) {
	for _, row := range []struct {
		name     string
		state    func(rapid.TB) State
		observed Observed
		want     Status
		reason   CancelReason
	}{
		{"order PLACED | P DECLINED | CANCELLED", placed, seen(PaymentDeclined, ""), StatusCancelled, ReasonDeclined},
		{"order PLACED | P VOIDED | CANCELLED", placed, seen(PaymentVoided, ""), StatusCancelled, ReasonVoided},
		{"order PLACED | R REJECTED | CANCELLED", placed, seen("", ReservationRejected), StatusCancelled, ReasonOutOfStock},
		{"order PLACED | R RELEASED | CANCELLED", placed, seen("", ReservationReleased), StatusCancelled, ReasonReleased},
		{"order PLACED | P AUTHORIZED, R REJECTED | CANCELLED", placed, seen(PaymentAuthorized, ReservationRejected), StatusCancelled, ReasonOutOfStock},
		{"order PLACED | P DECLINED, R RESERVED | CANCELLED", placed, seen(PaymentDeclined, ReservationReserved), StatusCancelled, ReasonDeclined},
		{"order PLACED | P AUTHORIZED | waits", placed, seen(PaymentAuthorized, ""), StatusPlaced, ""},
		{"order PLACED | R RESERVED | waits", placed, seen("", ReservationReserved), StatusPlaced, ""},
		{"order PLACED | P AUTHORIZED and R RESERVED | CONFIRMED", placed, seen(PaymentAuthorized, ReservationReserved), StatusConfirmed, ""},
		{"order CONFIRMED | P VOIDED | CANCELLED(capture refused)", confirmed, seen(PaymentVoided, ReservationReserved), StatusCancelled, ReasonCaptureRefused},
		{"order CONFIRMED | P VOIDED, R COMMITTED | CANCELLED(capture refused)", confirmed, seen(PaymentVoided, ReservationCommitted), StatusCancelled, ReasonCaptureRefused},
		{"order CONFIRMED | P CAPTURED | waits", confirmed, seen(PaymentCaptured, ReservationReserved), StatusConfirmed, ""},
		{"order CONFIRMED | R COMMITTED | waits", confirmed, seen(PaymentAuthorized, ReservationCommitted), StatusConfirmed, ""},
		{"order CONFIRMED | P CAPTURED and R COMMITTED | COMPLETED", confirmed, seen(PaymentCaptured, ReservationCommitted), StatusCompleted, ""},
		{"order CANCELLED | P AUTHORIZED, R RESERVED | nothing", cancelled, seen(PaymentAuthorized, ReservationReserved), StatusCancelled, ReasonCustomer},
		{"order COMPLETED | P AUTHORIZED, R RESERVED (behind) | nothing", completed, seen(PaymentAuthorized, ReservationReserved), StatusCompleted, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := follow(t, row.state(t), row.observed)
			if err != nil {
				t.Fatal(err)
			}
			if got.Status != row.want || got.CancelReason != row.reason {
				t.Fatalf("order is %s (%s), want %s (%s)", got.Status, got.CancelReason, row.want, row.reason)
			}
		})
	}
}

// Every status against every pair of observations, as a text to review.
func TestReact_WholeTableAsText(t *testing.T) {
	states := []struct {
		name  string
		state State
	}{
		{"unknown", State{}},
		{"PLACED", placed(t)},
		{"CONFIRMED", confirmed(t)},
		{"COMPLETED", completed(t)},
		{"CANCELLED by the customer", cancelled(t)},
		{"CANCELLED by a refused capture", captureRefused(t)},
		{"RETURNED", fullyReturned(t)},
	}
	payments := []PaymentStatus{"", PaymentAuthorized, PaymentDeclined, PaymentCaptured, PaymentRefunded, PaymentVoided}
	reservations := []ReservationStatus{"", ReservationReserved, ReservationRejected, ReservationCommitted, ReservationReleased, ReservationRestocked}

	var text strings.Builder
	text.WriteString("Down: the payment seen. Across: the reservation seen. · nothing to do, ! impossible.\n")
	for _, s := range states {
		fmt.Fprintf(&text, "\norder %s\n%-11s", s.name, "")
		for _, r := range reservations {
			fmt.Fprintf(&text, "%-32s", orDash(r))
		}
		for _, p := range payments {
			fmt.Fprintf(&text, "\n%-11s", orDash(p))
			for _, r := range reservations {
				fmt.Fprintf(&text, "%-32s", outcome(t, s.state, seen(p, r)))
			}
		}
		text.WriteString("\n")
	}
	golden(t, "testdata/reactions.txt", trimmed(text.String()))
}

func trimmed(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
}

func orDash[S ~string](s S) string {
	if s == "" {
		return "-"
	}
	return string(s)
}

func outcome(t *testing.T, s State, o Observed) string {
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
	if after.CancelReason != "" {
		return fmt.Sprintf("%s(%s)", after.Status, after.CancelReason)
	}
	return string(after.Status)
}

func golden(t *testing.T, path, got string) {
	t.Helper()
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

func TestReact_AlarmsOnAmountsThatCannotBe(t *testing.T) {
	some := partlyReturned(t) // 2 of 6 units back, 510 due
	for name, o := range map[string]Observed{
		"captured less than the total": {Payment: Payment{Version: 2, Status: PaymentCaptured, Captured: 2_999}},
		"refunded more than is due":    {Payment: Payment{Version: 3, Status: PaymentCaptured, Captured: 3_000, Refunded: 511}},
		"restocked more than returned": {Reservation: Reservation{Version: 3, Status: ReservationCommitted, Restocked: 3}},
		"a status nobody knows":        {Payment: Payment{Version: 2, Status: "LOST"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := follow(t, some, o)
			wantError(t, err, ErrImpossible)
		})
	}
	if _, err := follow(t, some, Observed{
		Payment:     Payment{Version: 3, Status: PaymentCaptured, Captured: 3_000, Refunded: 510},
		Reservation: Reservation{Version: 3, Status: ReservationCommitted, Restocked: 2},
	}); err != nil {
		t.Fatalf("exactly what is due is fine: %v", err)
	}
}

func TestSettled_WhenNothingIsHeldOrOwed(t *testing.T) {
	captured := Payment{Version: 2, Status: PaymentCaptured, Captured: 3_000}
	committed := Reservation{Version: 2, Status: ReservationCommitted}
	with := func(refunded, restocked int64) Observed {
		p, r := captured, committed
		p.Refunded, r.Restocked = refunded, restocked
		return Observed{Payment: p, Reservation: r}
	}
	for _, c := range []struct {
		name  string
		state State
		seen  Observed
		want  bool
	}{
		{"a placed order has everything before it", placed(t), seen(PaymentAuthorized, ReservationReserved), false},
		{"a confirmed order is not done", confirmed(t), seen(PaymentCaptured, ReservationCommitted), false},
		{"cancelled, money still held", cancelled(t), seen(PaymentAuthorized, ReservationReleased), false},
		{"cancelled, stock still held", cancelled(t), seen(PaymentVoided, ReservationReserved), false},
		{"cancelled, nothing heard yet", cancelled(t), Observed{}, false},
		{"cancelled, all given back", cancelled(t), seen(PaymentVoided, ReservationReleased), true},
		{"cancelled, never had anything", cancelled(t), seen(PaymentDeclined, ReservationRejected), true},
		{"capture refused, goods still out", captureRefused(t), seen(PaymentVoided, ReservationCommitted), false},
		{"capture refused, goods back", captureRefused(t), seen(PaymentVoided, ReservationRestocked), true},
		{"completed", completed(t), with(0, 0), true},
		{"a return without its refund", partlyReturned(t), with(0, 2), false},
		{"a return without its goods", partlyReturned(t), with(510, 0), false},
		{"a return with both", partlyReturned(t), with(510, 2), true},
		{"all goods returned, postage kept", fullyReturned(t), with(2_530, 9), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Settled(c.state, c.seen); got != c.want {
				t.Fatalf("settled is %t, want %t", got, c.want)
			}
		})
	}
}
