package payment

import (
	"slices"
	"testing"
)

// world is one payment with every record its order has ever published, and
// what the gateway did. Any record may be read at any time, late or again, and
// none but the last has to be: this is every delay, repetition and compaction
// at once.
type world struct {
	Payment State
	Seen    Observed
	Orders  []Order
	Held    bool  // the gateway holds the money
	Taken   int64 // by the gateway
	Paid    int64 // back to the customer
	Void    bool  // final at the gateway
}

func (w world) order() Order { return w.Orders[len(w.Orders)-1] }

// TestWalk_EveryDeliveryAndOutcomeKeepsTheMoneyRight explores everything that
// can happen to one payment when the order keeps to the table: any record
// late, repeated or never read, cancelled at any moment, declined, a refused
// capture, two returns. At every step the gateway and the records agree.
func TestWalk_EveryDeliveryAndOutcomeKeepsTheMoneyRight(t *testing.T) {
	start := world{Orders: []Order{order(1, OrderPlaced, 0)}}
	known := map[string]bool{asJSON(t, start): true}
	ends := map[string]int{}
	for queue := []world{start}; len(queue) > 0; queue = queue[1:] {
		w := queue[0]
		checkMoney(t, w)
		next := slices.Concat(reads(t, w), outcomes(t, w), orderMoves(w))
		if len(next) == 0 {
			checkEnd(t, w)
			ends[string(w.order().Status)+" "+standing(w.Payment)]++
		}
		for _, n := range next {
			if key := asJSON(t, n); !known[key] {
				known[key] = true
				queue = append(queue, n)
			}
		}
	}
	t.Logf("%d worlds, ends: %v", len(known), ends)
	for _, end := range []string{"CANCELLED VOIDED", "CANCELLED DECLINED", "RETURNED REFUNDED"} {
		if ends[end] == 0 {
			t.Errorf("no walk ends %s", end)
		}
	}
}

// reads delivers any one record that was ever published.
func reads(t *testing.T, w world) []world {
	t.Helper()
	var next []world
	for _, ord := range w.Orders {
		o, fresh := w.Seen.WithOrder(ord)
		if !fresh {
			continue
		}
		s, err := follow(t, w.Payment, o)
		if err != nil {
			t.Fatalf("%v in %s", err, asJSON(t, w))
		}
		n := w
		n.Payment, n.Seen = s, o
		next = append(next, n)
	}
	return next
}

// outcomes lets the gateway answer what is in flight, in every way it can.
func outcomes(t *testing.T, w world) []world {
	t.Helper()
	c, ok := w.Payment.Pending()
	if !ok {
		return nil
	}
	var next []world
	answer := func(outcome Command, gateway func(*world)) {
		n := w
		gateway(&n)
		n.Payment = answered(t, w.Payment, w.Seen, outcome)
		next = append(next, n)
	}
	switch c.Kind {
	case KindCreate:
		answer(RecordOpened{GatewayID: "pi_1"}, func(*world) {})
		answer(RecordDeclined{Reason: "no such card"}, func(*world) {})
	case KindConfirm:
		answer(RecordAuthorized{}, func(n *world) { n.Held = true })
		answer(RecordDeclined{Reason: "stolen card"}, func(*world) {})
	case KindCapture:
		answer(RecordCaptured{}, func(n *world) { n.Held, n.Taken = false, c.Amount })
		answer(RecordCaptureRefused{}, func(*world) {})
	case KindVoid:
		answer(RecordVoided{}, func(n *world) { n.Held, n.Void = false, true })
	case KindRefund:
		answer(RecordRefunded{To: c.To}, func(n *world) { n.Paid += c.Amount })
	case KindNone:
	}
	return next
}

// orderMoves is what the order may publish next, by its rows of the table and
// what this payment shows.
func orderMoves(w world) []world {
	status, _ := w.Payment.Public()
	ord := w.order()
	var next []world
	publish := func(to OrderStatus, due int64) {
		n := w
		n.Orders = append(slices.Clip(w.Orders), order(ord.Version+1, to, due))
		next = append(next, n)
	}
	switch ord.Status {
	case OrderPlaced:
		publish(OrderCancelled, 0) // the customer, the deadline, no stock, declined
		if status == "AUTHORIZED" {
			publish(OrderConfirmed, 0)
		}
	case OrderConfirmed:
		switch status {
		case "CAPTURED":
			publish(OrderCompleted, 0)
		case "VOIDED":
			publish(OrderCancelled, 0)
		}
	case OrderCompleted:
		if ord.RefundDue == 0 {
			publish(OrderCompleted, 300)
		}
		publish(OrderReturned, 1_000)
	case OrderCancelled, OrderReturned:
	}
	return next
}

func checkMoney(t *testing.T, w world) {
	t.Helper()
	s := w.Payment
	switch {
	case w.Held && s.GatewayID == "":
		t.Fatalf("money is held and its id is not stored: %s", asJSON(t, w))
	case w.Taken != s.Captured || w.Paid != s.Refunded || w.Paid > w.Taken:
		t.Fatalf("the gateway and the payment disagree: %s", asJSON(t, w))
	case w.Void && (w.Held || w.Taken > 0):
		t.Fatalf("money moved after the void: %s", asJSON(t, w))
	case w.Taken > 0 && w.order().Status == OrderCancelled:
		t.Fatalf("money was taken for a cancelled order: %s", asJSON(t, w))
	}
}

func checkEnd(t *testing.T, w world) {
	t.Helper()
	settled := w.Payment.Status == StatusDeclined || w.Payment.Status == StatusVoided
	if w.order().Status != OrderCancelled {
		settled = w.Payment.Refunded == w.order().RefundDue
	}
	if w.Held || !settled {
		t.Fatalf("nothing can happen and the payment is not settled: %s", asJSON(t, w))
	}
}
