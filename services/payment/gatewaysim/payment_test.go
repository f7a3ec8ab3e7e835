package gatewaysim

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestPayment_NoSequenceOfRequestsLosesMoney tries commands in any order.
func TestPayment_NoSequenceOfRequestsLosesMoney(t *testing.T) {
	tokens := slices.Sorted(maps.Keys(cards))
	rapid.Check(t, func(t *rapid.T) {
		p := newPayment(rapid.Int64Range(1, 50).Draw(t, "amount"), "gbp", rapid.SampledFrom(tokens).Draw(t, "card"), nil, fixedTime)
		var refunded int64
		step := func(name string, do func() *apiError) func(*rapid.T) {
			return func(t *rapid.T) {
				before := *p
				refusal := do()
				if before.status == canceled && (refusal == nil || p.held() != 0) {
					t.Fatalf("%s changed a cancelled payment", name)
				}
				if refusal != nil && refusal.kind != cardError && !equal(before, *p) {
					t.Fatalf("%s was refused and changed %+v to %+v", name, before, *p)
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"confirm": step("confirm", p.confirm),
			"capture": func(t *rapid.T) {
				amount := rapid.Int64Range(0, 60).Draw(t, "captured")
				step("capture", func() *apiError { return p.capture(amount) })(t)
			},
			"cancel": step("cancel", func() *apiError { return p.cancel("", fixedTime) }),
			"refund": func(t *rapid.T) {
				amount := rapid.Int64Range(0, 60).Draw(t, "refunded")
				step("refund", func() *apiError {
					given, refusal := p.refund(amount)
					refunded += given
					return refusal
				})(t)
			},
			"": func(t *rapid.T) {
				switch {
				case p.captured > p.authorized, p.refunded > p.captured, p.authorized > p.amount:
					t.Fatalf("more out than in: %+v", *p)
				case refunded != p.refunded:
					t.Fatalf("gave %d back and counts %d", refunded, p.refunded)
				case p.confirms > 1 || p.captures > 1:
					t.Fatalf("charged twice: %+v", *p)
				case p.held() > 0 && p.status != requiresCapture:
					t.Fatalf("holds while %s", p.status)
				}
			},
		})
	})
}

func equal(a, b payment) bool {
	a.metadata, b.metadata = nil, nil
	return a.entry() == b.entry() && a.declineCode == b.declineCode
}
