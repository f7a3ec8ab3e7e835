package contract

import (
	"reflect"
	"slices"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/services/payment"
)

// What is restored from a record tells the others the same, in every status, and
// waits for nothing.
func TestRestore_SaysWhatTheRecordSaid(t *testing.T) {
	opened := []payment.Event{
		payment.AuthorizationRequested{OrderID: "1", Amount: 9, Currency: "GBP", Method: "card", At: 1}, payment.Opened{GatewayID: "pi_1"},
		payment.ConfirmationRequested{At: 2},
	}
	authorized := after(opened, payment.Authorized{OrderID: "1", Amount: 9, Currency: "GBP", Method: "card", At: 3})
	captured := after(authorized, payment.CaptureRequested{At: 4}, payment.Captured{Amount: 9, At: 5})
	refused := after(authorized, payment.CaptureRequested{At: 4}, payment.CaptureRefused{Reason: "expired", At: 5},
		payment.VoidRequested{Reason: payment.ReasonCaptureRefused + ": expired", At: 6},
		payment.Voided{OrderID: "1", Reason: payment.ReasonCaptureRefused + ": expired", At: 7})
	for name, events := range map[string][]payment.Event{
		"authorized":       authorized,
		"declined":         after(opened, payment.Declined{Reason: "no", At: 3}),
		"captured":         captured,
		"refunded in part": after(captured, payment.RefundRequested{From: 0, To: 4, At: 6}, payment.Refunded{To: 4, At: 7}),
		"refunded":         after(captured, payment.RefundRequested{From: 0, To: 9, At: 6}, payment.Refunded{To: 9, Complete: true, At: 7}),
		"refused":          refused,
		"floor":            {payment.Voided{OrderID: "1", Reason: payment.ReasonOrderCancelled, At: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			var known, s payment.State
			for i, e := range events {
				if s = payment.Evolve(s, e); i == 0 {
					known = s
				}
			}
			said := public(aggregate.Transition[payment.State]{Version: 7, After: s})
			for what, known := range map[string]payment.State{"from nothing": {}, "from an older state": known} {
				is := Restore(known, said)
				if again := public(aggregate.Transition[payment.State]{Version: 7, After: is}); !reflect.DeepEqual(again, said) {
					t.Errorf("%s: it says %+v, said %+v", what, again, said)
				}
				if _, waits := is.Pending(); waits || is.CaptureRefusal != s.CaptureRefusal {
					t.Errorf("%s: got %+v, was %+v", what, is, s)
				}
			}
		})
	}
}

func after(before []payment.Event, more ...payment.Event) []payment.Event {
	return slices.Concat(before, more)
}
