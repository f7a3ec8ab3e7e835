package journey

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/e2e/client"
)

// patience is how long a test waits for what takes milliseconds on an idle
// machine: only a broken platform needs it.
const patience = 30 * time.Second

const visa = "pm_card_visa"

var counter atomic.Int64

// shop is one test's view of the platform.
type shop struct {
	*client.Client
	t    *testing.T
	name string
}

func visit(t *testing.T) shop {
	return shopOf(t, everyone)
}

func shopOf(t *testing.T, c *client.Client) shop {
	t.Helper()
	name := strings.NewReplacer("/", "-", "_", "-").Replace(strings.TrimPrefix(t.Name(), "Test"))
	return shop{Client: c, t: t, name: fmt.Sprintf("%.40s-%d", name, counter.Add(1))}
}

// sku makes up a SKU and receives so many units of it, if any.
func (s shop) sku(units int64) string {
	s.t.Helper()
	sku := fmt.Sprintf("%s-sku%d", s.name, counter.Add(1))
	if units > 0 {
		if _, err := s.Receive(s.t.Context(), sku, "first", units); err != nil {
			s.t.Fatal(err)
		}
	}
	return sku
}

func (s shop) id() string { return fmt.Sprintf("%s-o%d", s.name, counter.Add(1)) }

func line(sku string, quantity, amount int64) client.NewLine {
	return client.NewLine{SKU: sku, Quantity: quantity, Amount: amount}
}

func service(sku string, amount int64) client.NewLine {
	return client.NewLine{SKU: sku, Quantity: 1, Amount: amount, Kind: "SERVICE"}
}

// basket is an order in pounds.
func (s shop) basket(method string, lines ...client.NewLine) client.NewOrder {
	return client.NewOrder{OrderID: s.id(), Customer: "customer-1", Currency: "GBP", PaymentMethod: method, Lines: lines}
}

func (s shop) place(o client.NewOrder) client.Order {
	s.t.Helper()
	placed, err := s.Place(s.t.Context(), o)
	if err != nil {
		s.t.Fatal(err)
	}
	return placed
}

// settle waits until nothing is left to do for an order.
func (s shop) settle(id string) client.Order {
	s.t.Helper()
	o, err := s.Wait(s.t.Context(), id, patience)
	if err != nil {
		s.t.Fatal(err)
	}
	if !o.Settled {
		s.t.Fatalf("order %s is not settled after %s: %s, payment %+v, reservation %+v", id, patience, o.Status, o.Payment, o.Reservation)
	}
	return o
}

// buy places an order and settles it.
func (s shop) buy(method string, lines ...client.NewLine) client.Order {
	s.t.Helper()
	return s.settle(s.place(s.basket(method, lines...)).OrderID)
}

// breakGateway breaks it for everyone, until mendGateway or the end of the test. A
// test that uses it is not parallel.
func (s shop) breakGateway(f client.Faults) {
	s.t.Helper()
	s.t.Cleanup(func() { s.setFaults(client.Faults{}) })
	s.setFaults(f)
}

func (s shop) mendGateway() {
	s.t.Helper()
	s.setFaults(client.Faults{})
}

func (s shop) setFaults(f client.Faults) {
	s.t.Helper()
	if err := s.SetFaults(context.WithoutCancel(s.t.Context()), f); err != nil {
		s.t.Fatal(err)
	}
}

// expectStatus checks where an order ended, and why.
func (s shop) expectStatus(o client.Order, status, reason string) {
	s.t.Helper()
	if o.Status != status || o.Reason != reason {
		s.t.Fatalf("order %s is %s (%s: %s), want %s (%s)", o.OrderID, o.Status, o.Reason, o.Detail, status, reason)
	}
}

// expectStock checks a stock item, and that its numbers add up.
func (s shop) expectStock(sku string, onHand, reserved int64) {
	s.t.Helper()
	got, err := s.Stock(s.t.Context(), sku)
	if err != nil {
		s.t.Fatal(err)
	}
	if got.OnHand != onHand || got.Reserved != reserved || got.Available != onHand-reserved {
		s.t.Errorf("stock %s: %d on hand, %d reserved, %d available; want %d, %d, %d", sku, got.OnHand, got.Reserved, got.Available, onHand, reserved, onHand-reserved)
	}
	if got.OnHand != got.Received-got.Committed+got.Restocked-got.WrittenOff {
		s.t.Errorf("stock %s does not add up: %+v", sku, got)
	}
}

// expectMoney checks what the gateway has taken and given back for an order, in
// one charge at most, and that it holds nothing.
func (s shop) expectMoney(order string, captured, refunded int64) {
	s.t.Helper()
	charges, err := s.Charges(s.t.Context(), order)
	if err != nil {
		s.t.Fatal(err)
	}
	var took, gave, held int64
	captures := 0
	for _, c := range charges {
		took, gave, held, captures = took+c.Captured, gave+c.Refunded, held+c.Held, captures+c.Captures
	}
	if took != captured || gave != refunded || held != 0 || captures > 1 {
		s.t.Errorf("order %s: gateway captured %d in %d steps, refunded %d, holds %d; want %d, %d, 0: %+v", order, took, captures, gave, held, captured, refunded, charges)
	}
}

// eventually polls until what is right, and fails with the last complaint.
func (s shop) eventually(what string, right func() error) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := right()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: not within %s: %v", what, patience, err)
		}
		select {
		case <-s.t.Context().Done():
			s.t.Fatalf("%s: %v", what, err)
		case <-tick.C:
		}
	}
}
