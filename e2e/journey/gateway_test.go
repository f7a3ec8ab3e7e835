package journey

import (
	"errors"
	"slices"
	"testing"

	"github.com/murmuration-dev/murmuration/e2e/client"
)

// Not parallel: the gateway is down for everyone.
func TestGateway_DownForAWhileDelaysOrdersOnly(t *testing.T) {
	s := visit(t)
	const orders = 20
	sku := s.sku(orders)
	s.breakGateway(client.Faults{Down: true})
	var ids []string
	for range orders {
		ids = append(ids, s.place(s.basket(visa, line(sku, 1, 250))).OrderID)
	}
	// Down until payments have been tried, and tried again.
	s.eventually("retries", func() error {
		payment, err := s.Overview(t.Context(), "payment")
		if err != nil {
			return err
		}
		for _, i := range payment.Pending {
			if i.Attempts >= 3 {
				return nil
			}
		}
		return errStill("without retries")
	})
	for _, id := range ids {
		if o, err := s.Order(t.Context(), id); err != nil || o.Status != client.Placed {
			t.Errorf("order %s while the gateway is down: %s, %v", id, o.Status, err)
		}
	}
	s.mendGateway()
	for _, id := range ids {
		s.expectStatus(s.settle(id), client.Completed, "")
		s.expectMoney(id, 250, 0)
	}
	s.expectStock(sku, 0, 0)
}

// Not parallel: the gateway fails for everyone.
func TestGateway_FailingAtRandomChargesOnce(t *testing.T) {
	s := visit(t)
	const orders = 15
	sku := s.sku(orders)
	s.breakGateway(client.Faults{ErrorRate: 0.3, Seed: 7})
	var ids []string
	for range orders {
		ids = append(ids, s.place(s.basket(visa, line(sku, 1, 99))).OrderID)
	}
	// Each failure doubles the wait for the next try, so what met many of them in a
	// row would wait for minutes.
	s.eventually("settled, or tried many times", func() error {
		payment, err := s.Overview(t.Context(), "payment")
		if err != nil || slices.ContainsFunc(payment.Pending, func(i client.Intent) bool { return i.Attempts >= 5 }) {
			return err
		}
		for _, id := range ids {
			if o, err := s.Order(t.Context(), id); err != nil || !o.Settled {
				return errors.Join(err, errStill("without an end"))
			}
		}
		return nil
	})
	s.mendGateway()
	for _, id := range ids {
		s.expectStatus(s.settle(id), client.Completed, "")
		s.expectMoney(id, 99, 0)
	}
	s.expectStock(sku, 0, 0)
}

func TestGateway_MishapsSettleWithOneCharge(t *testing.T) {
	t.Parallel()
	for _, method := range []string{
		"pm_sim_timeoutOnce", "pm_sim_lateOnce", "pm_sim_chargedThenTimeout", "pm_sim_captureChargedThenTimeout",
		"pm_sim_unavailableTwice", "pm_sim_rateLimitedOnce",
	} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			s := visit(t)
			sku := s.sku(1)
			o := s.buy(method, line(sku, 1, 4200))
			s.expectStatus(o, client.Completed, "")
			s.expectMoney(o.OrderID, 4200, 0)
			s.expectStock(sku, 0, 0)
			charges, err := s.Charges(t.Context(), o.OrderID)
			if err != nil || len(charges) != 1 || charges[0].Confirms != 1 || charges[0].Captures != 1 {
				t.Errorf("the gateway carried out %+v, want one charge (%v)", charges, err)
			}
		})
	}
}

func TestGateway_RefusedCaptureIsVoidedAndUndone(t *testing.T) {
	t.Parallel()
	s := visit(t)
	sku := s.sku(6)
	o := s.buy("pm_sim_captureRefused", line(sku, 6, 600))
	s.expectStatus(o, client.Cancelled, "CAPTURE_REFUSED")
	s.expectMoney(o.OrderID, 0, 0)
	s.expectStock(sku, 6, 0)
	p, err := s.Payment(t.Context(), o.OrderID)
	if err != nil || p.Status != "VOIDED" || p.Captured != 0 {
		t.Errorf("payment %+v, %v; want VOIDED", p, err)
	}
	if o := s.buy(visa, line(sku, 6, 600)); o.Status != client.Completed {
		t.Errorf("what came back cannot be sold again: %s (%s)", o.Status, o.Reason)
	}
}
