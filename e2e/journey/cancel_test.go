package journey

import (
	"net/http"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/e2e/client"
)

// Not parallel: the gateway is down for everyone, which keeps the order PLACED.
func TestCustomer_CancelsWhilePlaced(t *testing.T) {
	s := visit(t)
	sku := s.sku(4)
	s.breakGateway(client.Faults{Down: true})
	placed := s.place(s.basket(visa, line(sku, 4, 400)))
	o, err := s.Cancel(t.Context(), placed.OrderID, "changed my mind")
	if err != nil {
		t.Fatal(err)
	}
	s.expectStatus(o, client.Cancelled, "CUSTOMER")
	if again, err := s.Cancel(t.Context(), placed.OrderID, "really"); err != nil || again.Version != o.Version {
		t.Errorf("cancelling twice: version %d after %d, %v", again.Version, o.Version, err)
	}
	without := s.place(s.basket(visa, line(sku, 1, 100)))
	if a := s.post(platform.Addresses().Order.API+"/orders/"+without.OrderID+"/cancel", "", ""); a.Status != http.StatusOK {
		t.Errorf("cancelling without a word: %d %s", a.Status, a.Body)
	}
	s.mendGateway()
	s.expectStatus(s.settle(without.OrderID), client.Cancelled, "CUSTOMER")
	o = s.settle(placed.OrderID)
	s.expectStatus(o, client.Cancelled, "CUSTOMER")
	s.expectStock(sku, 4, 0)
	s.expectMoney(o.OrderID, 0, 0)
}

func TestCustomer_CannotCancelWhatIsConfirmed(t *testing.T) {
	t.Parallel()
	s := visit(t)
	o := s.buy(visa, line(s.sku(1), 1, 100))
	_, err := s.Cancel(t.Context(), o.OrderID, "too late")
	if client.StatusOf(err) != http.StatusConflict {
		t.Fatalf("cancelling a completed order: %v, want 409", err)
	}
	after := s.settle(o.OrderID)
	if after.Status != client.Completed || after.Version != o.Version {
		t.Errorf("the refused cancellation led to %s at version %d", after.Status, after.Version)
	}
}

// Not parallel: the gateway is down for everyone.
func TestDeadline_CancelsAnOrderThatCannotBePaid(t *testing.T) {
	s := visit(t)
	sku := s.sku(2)
	s.breakGateway(client.Faults{Down: true})
	order := s.basket(visa, line(sku, 2, 200))
	order.Deadline = 1
	begun := time.Now()
	placed := s.place(order)
	var o client.Order
	s.eventually("deadline", func() (err error) {
		if o, err = s.Order(t.Context(), placed.OrderID); err == nil && o.Status == client.Placed {
			err = errStill("PLACED")
		}
		return err
	})
	s.expectStatus(o, client.Cancelled, "EXPIRED")
	if waited := time.Since(begun); waited < time.Second {
		t.Errorf("cancelled after %s, before its deadline", waited)
	}
	s.eventually("stock is given back although the gateway is down", func() error {
		stock, err := s.Stock(t.Context(), sku)
		if err == nil && stock.Reserved != 0 {
			err = errStill("reserved")
		}
		return err
	})
	s.mendGateway()
	s.expectStatus(s.settle(placed.OrderID), client.Cancelled, "EXPIRED")
	s.expectStock(sku, 2, 0)
	s.expectMoney(placed.OrderID, 0, 0)
}

// errStill is a condition that eventually goes away.
type errStill string

func (e errStill) Error() string { return "still " + string(e) }
