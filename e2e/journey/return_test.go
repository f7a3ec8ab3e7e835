package journey

import (
	"net/http"
	"testing"

	"github.com/murmuration-dev/murmuration/e2e/client"
)

func (s shop) giveBack(id, returnID string, lines ...client.ReturnLine) client.Order {
	s.t.Helper()
	if _, err := s.Return(s.t.Context(), id, returnID, lines...); err != nil {
		s.t.Fatal(err)
	}
	return s.settle(id)
}

// The amounts divide by no quantity, so that rounding shows.
func TestReturn_InPartsRefundsCumulatively(t *testing.T) {
	t.Parallel()
	s := visit(t)
	first, second := s.sku(7), s.sku(3)
	o := s.buy(visa, line(first, 7, 1000), line(second, 3, 100), service("POST", 50))

	o = s.giveBack(o.OrderID, "r1", client.ReturnLine{Line: 1, Quantity: 3})
	s.expectStatus(o, client.Completed, "")
	s.expectMoney(o.OrderID, 1150, 428)
	s.expectStock(first, 3, 0)

	o = s.giveBack(o.OrderID, "r2", client.ReturnLine{Line: 1, Quantity: 3}, client.ReturnLine{Line: 2, Quantity: 1})
	s.expectStatus(o, client.Completed, "")
	s.expectMoney(o.OrderID, 1150, 857+33)
	s.expectStock(first, 6, 0)
	s.expectStock(second, 1, 0)

	o = s.giveBack(o.OrderID, "r3", client.ReturnLine{Line: 1, Quantity: 1}, client.ReturnLine{Line: 2, Quantity: 2})
	s.expectStatus(o, client.Returned, "")
	s.expectMoney(o.OrderID, 1150, 1100)
	s.expectStock(first, 7, 0)
	s.expectStock(second, 3, 0)

	o = s.giveBack(o.OrderID, "r4", client.ReturnLine{Line: 3, Quantity: 1})
	s.expectMoney(o.OrderID, 1150, 1150)
	p, err := s.Payment(t.Context(), o.OrderID)
	if err != nil || p.Status != "REFUNDED" || p.Refunded != 1150 {
		t.Errorf("payment %+v, %v; want REFUNDED", p, err)
	}
}

func TestReturn_OfTheSameNameChangesNothing(t *testing.T) {
	t.Parallel()
	s := visit(t)
	sku := s.sku(4)
	o := s.buy(visa, line(sku, 4, 400))
	first := s.giveBack(o.OrderID, "r1", client.ReturnLine{Line: 1, Quantity: 1})
	again := s.giveBack(o.OrderID, "r1", client.ReturnLine{Line: 1, Quantity: 1})
	if again.Lines[0].Returned != 1 || again.RefundDue != first.RefundDue {
		t.Errorf("repeated: %+v after %+v", again, first)
	}
	_, err := s.Return(t.Context(), o.OrderID, "r1", client.ReturnLine{Line: 1, Quantity: 2})
	if client.StatusOf(err) != http.StatusConflict {
		t.Errorf("another return of the same name: %v, want 409", err)
	}
	s.expectMoney(o.OrderID, 400, 100)
	s.expectStock(sku, 1, 0)
}

func TestReturn_RefusesWhatCannotComeBack(t *testing.T) {
	t.Parallel()
	s := visit(t)
	sku := s.sku(5)
	o := s.buy(visa, line(sku, 2, 200))
	s.giveBack(o.OrderID, "one", client.ReturnLine{Line: 1, Quantity: 1})
	for what, refused := range map[string]struct {
		status int
		lines  []client.ReturnLine
	}{
		"more than is left": {http.StatusConflict, []client.ReturnLine{{Line: 1, Quantity: 2}}},
		"a line never sold": {http.StatusUnprocessableEntity, []client.ReturnLine{{Line: 2, Quantity: 1}}},
		"a line twice":      {http.StatusUnprocessableEntity, []client.ReturnLine{{Line: 1, Quantity: 1}, {Line: 1, Quantity: 1}}},
		"no units":          {http.StatusUnprocessableEntity, []client.ReturnLine{{Line: 1, Quantity: 0}}},
		"nothing at all":    {http.StatusUnprocessableEntity, []client.ReturnLine{}},
	} {
		if _, err := s.Return(t.Context(), o.OrderID, "bad", refused.lines...); client.StatusOf(err) != refused.status {
			t.Errorf("return %s: %v, want %d", what, err, refused.status)
		}
	}
	if _, err := s.Return(t.Context(), "nobody-placed-this", "r", client.ReturnLine{Line: 1, Quantity: 1}); client.StatusOf(err) != http.StatusNotFound {
		t.Errorf("return to an unknown order: %v, want 404", err)
	}
	cancelled := s.buy("pm_card_chargeDeclined", line(sku, 1, 100))
	if _, err := s.Return(t.Context(), cancelled.OrderID, "r", client.ReturnLine{Line: 1, Quantity: 1}); client.StatusOf(err) != http.StatusConflict {
		t.Errorf("return to a cancelled order: %v, want 409", err)
	}
	s.expectMoney(o.OrderID, 200, 100)
	s.expectStock(sku, 4, 0)
}
