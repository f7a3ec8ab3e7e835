package payment

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func everyOutcome() []Command {
	return []Command{
		RecordOpened{GatewayID: "pi_9"}, RecordAuthorized{}, RecordDeclined{}, RecordCaptured{},
		RecordCaptureRefused{}, RecordVoided{}, RecordRefunded{To: 300},
	}
}

// An outcome counts only for the command in flight. All others are late or
// repeated, and change nothing, unless they say that money moved against what
// is recorded.
func TestOutcomes_OnlyTheAnswerToWhatIsInFlightCounts(t *testing.T) {
	for _, c := range []struct {
		name   string
		state  State
		counts []string
		alarms []string
	}{
		{"CREATE", creating(t), []string{"RecordOpened", "RecordDeclined"}, []string{"RecordRefunded"}},
		{"CONFIRM", confirming(t), []string{"RecordAuthorized", "RecordDeclined"}, []string{"RecordRefunded"}},
		{"nothing, AUTHORIZED", authorized(t), nil, []string{"RecordRefunded"}},
		{"CAPTURE", capturing(t), []string{"RecordCaptured", "RecordCaptureRefused"}, []string{"RecordRefunded"}},
		{"VOID", voiding(t), []string{"RecordVoided"}, []string{"RecordCaptured", "RecordRefunded"}},
		{"VOID after a refusal", voidingRefused(t), []string{"RecordVoided"}, []string{"RecordCaptured", "RecordRefunded"}},
		{"nothing, DECLINED", declined(t), nil, []string{"RecordCaptured", "RecordRefunded"}},
		{"nothing, VOIDED", voided(t), nil, []string{"RecordCaptured", "RecordRefunded"}},
		{"nothing, CAPTURED", captured(t), nil, []string{"RecordVoided", "RecordRefunded"}},
		{"REFUND 0-300", refunding(t, 300), []string{"RecordRefunded"}, []string{"RecordVoided"}},
		{"REFUND 0-500", refunding(t, 500), nil, []string{"RecordVoided"}},
		{"nothing, 300 refunded", refunded(t, 300), nil, []string{"RecordVoided"}},
		{"nothing, REFUNDED", refundedAll(t), nil, []string{"RecordVoided"}},
	} {
		t.Run("in flight: "+c.name, func(t *testing.T) {
			var counts, alarms []string
			for _, outcome := range everyOutcome() {
				name := strings.TrimPrefix(fmt.Sprintf("%T", outcome), "payment.")
				events, err := Decide(c.state, outcome)
				switch {
				case errors.Is(err, ErrImpossible):
					alarms = append(alarms, name)
				case err != nil:
					t.Errorf("%s: %v", name, err)
				case len(events) > 0:
					counts = append(counts, name)
				}
			}
			if fmt.Sprint(counts) != fmt.Sprint(c.counts) || fmt.Sprint(alarms) != fmt.Sprint(c.alarms) {
				t.Errorf("counted %v, want %v; alarms %v, want %v", counts, c.counts, alarms, c.alarms)
			}
		})
	}
}

func TestOutcomes_OfAnUnknownPaymentAreRefused(t *testing.T) {
	for _, c := range append(everyOutcome(), Confirm{}, Capture{}, Refund{To: 1}) {
		_, err := Decide(State{}, c)
		wantError(t, err, ErrUnknown)
	}
}

func TestOutcomes_KeepTheGatewaysReason(t *testing.T) {
	if s := declined(t); s.Reason != "stolen card" {
		t.Errorf("got %q", s.Reason)
	}
	if s := decided(t, creating(t), RecordDeclined{}); s.Reason != unnamed {
		t.Errorf("got %q", s.Reason)
	}
	// A refusal without a reason must still be known as a refusal.
	s := answered(t, capturing(t), saw(OrderConfirmed), RecordCaptureRefused{})
	if s.InFlight.Kind != KindVoid {
		t.Errorf("payment is %s", standing(s))
	}
}

func TestDecide_RepeatedRequestsChangeNothing(t *testing.T) {
	for _, c := range []struct {
		state   State
		command Command
	}{
		{creating(t), Authorize{OrderID: "536365", Amount: 1_000, Currency: "GBP"}},
		{voided(t), Authorize{OrderID: "536365", Amount: 1_000, Currency: "GBP"}},
		{confirming(t), Confirm{}},
		{authorized(t), Confirm{}},
		{capturing(t), Capture{}},
		{captured(t), Capture{}},
		{refundedAll(t), Capture{}},
		{voiding(t), Void{}},
		{voided(t), Void{}},
		{declined(t), Void{}},
		{refunding(t, 300), Refund{To: 300}},
		{refunding(t, 300), Refund{To: 0}},
		{refunded(t, 300), Refund{To: 300}},
		{refundedAll(t), Refund{To: 1_000}},
	} {
		wantIgnored(t, c.state, c.command)
	}
}

func TestDecide_RequestsOutOfPlaceAreImpossible(t *testing.T) {
	for _, c := range []struct {
		state   State
		command Command
	}{
		{creating(t), Confirm{}},
		{creating(t), Void{}},
		{confirming(t), Capture{}},
		{declined(t), Capture{}},
		{voided(t), Capture{}},
		{voiding(t), Capture{}},
		{voidingRefused(t), Capture{}},
		{decided(t, capturing(t), RecordCaptureRefused{}), Capture{}},
		{capturing(t), Void{}},
		{captured(t), Void{}},
		{refundedAll(t), Void{}},
		{authorized(t), Refund{To: 1}},
		{voided(t), Refund{To: 1}},
		{captured(t), Refund{To: 1_001}},
		{refunding(t, 300), Refund{To: 301}},
		{State{}, Contradict{Detail: "x"}},
		{captured(t), Contradict{Detail: "x"}},
	} {
		_, err := Decide(c.state, c.command)
		if !errors.Is(err, ErrImpossible) {
			t.Errorf("%+v on %s: %v", c.command, standing(c.state), err)
		}
	}
}

func TestDecide_RefusesMalformedCommands(t *testing.T) {
	for _, c := range []Command{
		Authorize{Amount: 1, Currency: "GBP"},
		Authorize{OrderID: "1", Amount: -1, Currency: "GBP"},
		Authorize{OrderID: "1", Amount: 1},
		Void{Reason: "x"},
	} {
		_, err := Decide(State{}, c)
		wantError(t, err, ErrInvalid)
	}
	if _, err := Decide(captured(t), nil); err == nil {
		t.Error("no command is no error")
	}
}

func TestPending_NamesTheOneCommandInFlight(t *testing.T) {
	for _, c := range []struct {
		state State
		want  GatewayCommand
	}{
		{creating(t), GatewayCommand{Key: "536365/create/0-1000", Kind: KindCreate, Amount: 1_000, To: 1_000}},
		{confirming(t), GatewayCommand{Key: "536365/confirm/0-1000", Kind: KindConfirm, GatewayID: "pi_1", Amount: 1_000, To: 1_000}},
		{capturing(t), GatewayCommand{Key: "536365/capture/0-1000", Kind: KindCapture, GatewayID: "pi_1", Amount: 1_000, To: 1_000}},
		{voiding(t), GatewayCommand{Key: "536365/void/0-1000", Kind: KindVoid, GatewayID: "pi_1", Amount: 1_000, To: 1_000}},
		{followed(t, refunded(t, 300), Observed{Order: order(9, OrderCompleted, 500)}),
			GatewayCommand{Key: "536365/refund/300-500", Kind: KindRefund, GatewayID: "pi_1", Amount: 200, From: 300, To: 500}},
	} {
		c.want.OrderID, c.want.Currency, c.want.Method, c.want.Since = "536365", "GBP", "pm_card", noon+1
		if got, ok := c.state.Pending(); !ok || got != c.want {
			t.Errorf("got %+v, want %+v", got, c.want)
		}
	}
	for _, s := range []State{{}, authorized(t), declined(t), captured(t), voided(t), floor(t), refundedAll(t)} {
		if got, ok := s.Pending(); ok {
			t.Errorf("%s has %+v in flight", s.Status, got)
		}
	}
}

// What goes on between this service and the gateway is invisible: an event is
// published exactly when it changes what others see.
func TestPublic_MovesOnlyWithPublishedEvents(t *testing.T) {
	seen := func(s State) State { // all that a record shows
		status, _ := s.Public()
		return State{Status: Status(status), Captured: s.Captured, Refunded: s.Refunded, Reason: s.Reason, UpdatedAt: s.UpdatedAt, LastEvent: s.LastEvent}
	}
	due := Observed{Order: order(9, OrderCompleted, 300)}
	s, at := State{}, noon
	for _, step := range []struct {
		command Command
		publish bool
	}{
		{React(State{}, saw(OrderPlaced)), false},
		{RecordOpened{GatewayID: "pi_1"}, false},
		{Confirm{}, false},
		{RecordAuthorized{}, true},
		{Capture{}, false},
		{RecordCaptured{}, true},
		{React(captured(t), due), false},
		{RecordRefunded{To: 300}, true},
		{Refund{To: 1_000}, false},
		{RecordRefunded{To: 1_000}, true},
	} {
		at++
		events, err := Decide(s, Stamp(step.command, at))
		if err != nil || len(events) != 1 {
			t.Fatalf("%T: %v, %v", step.command, events, err)
		}
		after := folded(s, events...)
		if changed := asJSON(t, seen(after)) != asJSON(t, seen(s)); changed != step.publish || Publishes(events) != step.publish {
			t.Errorf("%s: changed %t, publishes %t, want %t", events[0].EventType(), changed, Publishes(events), step.publish)
		}
		s = after
	}
	if status, ok := creating(t).Public(); ok {
		t.Errorf("AUTHORIZING is shown as %q", status)
	}
}

func TestStamp_SetsTheMomentOfEveryCommand(t *testing.T) {
	for _, c := range append(everyOutcome(), Authorize{}, Confirm{}, Capture{}, Void{}, Refund{}) {
		if got := Stamp(c, 77); !strings.Contains(fmt.Sprintf("%+v", got), "At:77") {
			t.Errorf("%T is not stamped: %+v", c, got)
		}
	}
	if Stamp(nil, 77) != nil {
		t.Error("nil did not stay nil")
	}
	if got := Stamp(Contradict{Detail: "x"}, 77); got != (Contradict{Detail: "x"}) {
		t.Errorf("got %+v", got)
	}
}
