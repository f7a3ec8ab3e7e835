package journey

import (
	"fmt"
	"testing"

	"github.com/murmuration-dev/murmuration/e2e/client"
)

func TestOrder_IsPaidAndTakenFromStock(t *testing.T) {
	t.Parallel()
	s := visit(t)
	sku := s.sku(10)
	placed := s.place(s.basket(visa, line(sku, 3, 1999), service("POST", 500)))
	if placed.Status != client.Placed || placed.Version != 1 || placed.Settled {
		t.Errorf("a new order is %s at version %d, settled %v", placed.Status, placed.Version, placed.Settled)
	}
	o := s.settle(placed.OrderID)
	s.expectStatus(o, client.Completed, "")
	if o.Total != 2499 || o.Payment.Captured != 2499 || o.Reservation.Status != "COMMITTED" {
		t.Errorf("completed as %+v, payment %+v, reservation %+v", o, o.Payment, o.Reservation)
	}
	s.expectStock(sku, 7, 0)
	s.expectMoney(o.OrderID, 2499, 0)
}

func TestOrder_OfADeclinedCardIsCancelledAndReleasesItsStock(t *testing.T) {
	t.Parallel()
	s := visit(t)
	for method, detail := range map[string]string{
		"pm_card_chargeDeclined":                  "generic_decline",
		"pm_card_chargeDeclinedInsufficientFunds": "insufficient_funds",
		"pm_card_nobody_has":                      "resource_missing",
	} {
		sku := s.sku(10)
		o := s.buy(method, line(sku, 3, 1000))
		s.expectStatus(o, client.Cancelled, "DECLINED")
		if o.Detail != detail {
			t.Errorf("%s: detail %q, want %q", method, o.Detail, detail)
		}
		s.expectStock(sku, 10, 0)
		s.expectMoney(o.OrderID, 0, 0)
	}
}

func TestOrder_OutOfStockIsCancelledAsAWhole(t *testing.T) {
	t.Parallel()
	s := visit(t)
	enough, short, unknown := s.sku(10), s.sku(2), s.sku(0)
	for _, missing := range []client.NewLine{line(short, 3, 300), line(unknown, 1, 100)} {
		o := s.buy(visa, line(enough, 5, 500), missing, service("POST", 100))
		s.expectStatus(o, client.Cancelled, "OUT_OF_STOCK")
		s.expectMoney(o.OrderID, 0, 0)
		r, err := s.Reservation(t.Context(), o.OrderID)
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != "REJECTED" || len(r.Shortages) != 1 || r.Shortages[0].SKU != missing.SKU || r.Shortages[0].Wanted != missing.Quantity {
			t.Errorf("reservation %+v does not name the shortage of %s", r, missing.SKU)
		}
	}
	s.expectStock(enough, 10, 0)
	s.expectStock(short, 2, 0)
}

func TestOrder_CountsASKUThatStandsOnTwoLines(t *testing.T) {
	t.Parallel()
	s := visit(t)
	sku := s.sku(5)
	o := s.buy(visa, line(sku, 2, 200), line(sku, 3, 270))
	s.expectStatus(o, client.Completed, "")
	s.expectStock(sku, 0, 0)

	other := s.sku(5)
	o = s.buy(visa, line(other, 3, 300), line(other, 3, 270))
	s.expectStatus(o, client.Cancelled, "OUT_OF_STOCK")
	s.expectStock(other, 5, 0)
	s.expectMoney(o.OrderID, 0, 0)
}

func TestOrder_OfNothingNeverReachesTheGateway(t *testing.T) {
	t.Parallel()
	s := visit(t)
	sku := s.sku(5)
	for _, method := range []string{"", visa} {
		o := s.buy(method, line(sku, 1, 0))
		s.expectStatus(o, client.Completed, "")
		charges, err := s.Charges(t.Context(), o.OrderID)
		if err != nil || len(charges) != 0 {
			t.Errorf("the gateway knows %+v of an order of nothing (%v)", charges, err)
		}
	}
	s.expectStock(sku, 3, 0)
}

func TestOrder_OfServicesAloneNeedsNoStock(t *testing.T) {
	t.Parallel()
	s := visit(t)
	o := s.buy(visa, service("POST", 500), service("M", 1200))
	s.expectStatus(o, client.Completed, "")
	s.expectMoney(o.OrderID, 1700, 0)
}

// The longest basket of the real data has 705 lines.
func TestOrder_OfHundredsOfLines(t *testing.T) {
	t.Parallel()
	s := visit(t)
	const lines, items = 705, 100
	skus := make([]string, items)
	for i := range skus {
		skus[i] = s.sku(1000)
	}
	var basket []client.NewLine
	bought := make(map[string]int64)
	for i := range lines {
		if i%50 == 0 {
			basket = append(basket, service(fmt.Sprintf("POST%d", i), 99))
			continue
		}
		sku, units := skus[(i*37)%items], int64(i%9+1)
		bought[sku] += units
		basket = append(basket, line(sku, units, units*125))
	}
	order := s.basket(visa, basket...)
	o := s.settle(s.place(order).OrderID)
	s.expectStatus(o, client.Completed, "")
	if len(o.Lines) != lines || o.Total != order.Total() {
		t.Errorf("%d lines of %d in total, want %d of %d", len(o.Lines), o.Total, lines, order.Total())
	}
	for sku, units := range bought {
		s.expectStock(sku, 1000-units, 0)
	}
	s.expectMoney(o.OrderID, order.Total(), 0)
}
