package journey

import (
	"net/http"
	"sync"
	"testing"

	"github.com/murmuration-dev/murmuration/e2e/client"
)

func TestStock_LastUnitGoesToExactlyOneOrder(t *testing.T) {
	t.Parallel()
	s := visit(t)
	for range 10 {
		sku := s.sku(1)
		var placing sync.WaitGroup
		ids := make([]string, 2)
		for i := range ids {
			o := s.basket(visa, line(sku, 1, 100))
			ids[i] = o.OrderID
			placing.Go(func() {
				if _, err := s.Place(t.Context(), o); err != nil {
					t.Error(err)
				}
			})
		}
		placing.Wait()
		won := 0
		for _, id := range ids {
			o := s.settle(id)
			if o.Status == client.Completed {
				won++
				s.expectMoney(id, 100, 0)
				continue
			}
			s.expectStatus(o, client.Cancelled, "OUT_OF_STOCK")
			s.expectMoney(id, 0, 0)
		}
		if won != 1 {
			t.Errorf("the last unit of %s was sold %d times", sku, won)
		}
		s.expectStock(sku, 0, 0)
	}
}

// Not parallel: the gateway is down for everyone, which keeps stock reserved.
func TestStock_WriteOffLeavesWhatIsPromised(t *testing.T) {
	s := visit(t)
	sku := s.sku(10)
	s.breakGateway(client.Faults{Down: true})
	o := s.place(s.basket(visa, line(sku, 7, 700)))
	s.eventually("reservation", func() error {
		stock, err := s.Stock(t.Context(), sku)
		if err == nil && stock.Reserved != 7 {
			err = errStill("unreserved")
		}
		return err
	})
	if _, err := s.WriteOff(t.Context(), sku, "broken", 4); client.StatusOf(err) != http.StatusConflict {
		t.Errorf("writing off 4 of 3 available: %v, want 409", err)
	}
	if _, err := s.WriteOff(t.Context(), sku, "broken", 3); err != nil {
		t.Error(err)
	}
	s.expectStock(sku, 7, 7)
	s.mendGateway()
	s.expectStatus(s.settle(o.OrderID), client.Completed, "")
	s.expectStock(sku, 0, 0)
}

func TestStock_MovementOfTheSameNameCountsOnce(t *testing.T) {
	t.Parallel()
	s := visit(t)
	sku := s.sku(0)
	for range 3 {
		if _, err := s.Receive(t.Context(), sku, "delivery-1", 5); err != nil {
			t.Fatal(err)
		}
	}
	s.expectStock(sku, 5, 0)
	if _, err := s.Receive(t.Context(), sku, "delivery-1", 6); client.StatusOf(err) != http.StatusConflict {
		t.Errorf("another delivery of the same name: %v, want 409", err)
	}
	s.expectStock(sku, 5, 0)
}

func TestStock_TellsSKUsApartByCase(t *testing.T) {
	t.Parallel()
	s := visit(t)
	lower, upper := s.name+"-85123a", s.name+"-85123A"
	if _, err := s.Receive(t.Context(), lower, "first", 1); err != nil {
		t.Fatal(err)
	}
	s.expectStatus(s.buy(visa, line(upper, 1, 100)), client.Cancelled, "OUT_OF_STOCK")
	s.expectStatus(s.buy(visa, line(lower, 1, 100)), client.Completed, "")
}
