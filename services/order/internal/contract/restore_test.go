package contract

import (
	"reflect"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/services/order"
)

// What is restored from a record tells the others the same, in every status.
func TestRestore_SaysWhatTheRecordSaid(t *testing.T) {
	placed := order.Placed{
		OrderID: "1", Customer: "c", Currency: "GBP", PaymentMethod: "card", Total: 5, Deadline: 99, At: 1,
		Lines: []order.Line{{Line: 1, SKU: "A", Quantity: 2, Amount: 5, Kind: order.KindGoods, Description: "a"}},
	}
	cancelled := func(reason order.CancelReason, detail string) order.Cancelled {
		return order.Cancelled{Reason: reason, Detail: detail, At: 3}
	}
	returned := order.Returned{
		ReturnID: "r", Digest: "d", RefundDue: 3, At: 4, Lines: []order.ReturnedLine{{Line: 1, Returned: 1}},
	}
	for name, events := range map[string][]order.Event{
		"placed":                 {placed},
		"confirmed":              {placed, order.Confirmed{At: 2}},
		"completed":              {placed, order.Confirmed{At: 2}, order.Completed{At: 3}},
		"returned in part":       {placed, order.Confirmed{At: 2}, order.Completed{At: 3}, returned},
		"cancelled":              {placed, cancelled(order.ReasonCustomer, "")},
		"cancelled with reason":  {placed, cancelled(order.ReasonDeclined, "card: expired")},
		"cancelled by a capture": {placed, order.Confirmed{At: 2}, cancelled(order.ReasonCaptureRefused, "expired")},
	} {
		t.Run(name, func(t *testing.T) {
			var known, s order.State
			for i, e := range events {
				if s = order.Evolve(s, e); i == 0 {
					known = s
				}
			}
			said := public(aggregate.Transition[order.State]{Version: 7, After: s})
			for what, known := range map[string]order.State{"from nothing": {}, "from an older state": known} {
				is := Restore(known, said)
				if again := public(aggregate.Transition[order.State]{Version: 7, After: is}); !reflect.DeepEqual(again, said) {
					t.Errorf("%s: it says %+v, said %+v", what, again, said)
				}
				if (is.ConfirmedAt == 0) != (s.ConfirmedAt == 0) {
					t.Errorf("%s: confirmed at %d, was at %d", what, is.ConfirmedAt, s.ConfirmedAt)
				}
			}
			if is := Restore(known, said); is.Deadline != 99 {
				t.Errorf("the deadline that was known is %d", is.Deadline)
			}
		})
	}
}
