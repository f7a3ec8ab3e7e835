package payment_test

import (
	"fmt"

	"github.com/murmuration-dev/murmuration/services/payment"
)

// A refund is asked for as the difference of two cumulative amounts.
func ExampleState_Pending() {
	s := payment.State{
		OrderID: "536365", Status: payment.StatusCaptured, GatewayID: "pi_1",
		Amount: 2_000, Currency: "GBP", Captured: 2_000, Refunded: 500,
	}
	var o payment.Observed
	o, _ = o.WithOrder(payment.Order{Version: 7, Status: payment.OrderCompleted, RefundDue: 1_200})

	events, err := payment.Decide(s, payment.Stamp(payment.React(s, o), 1_000_000))
	if err != nil {
		fmt.Println(err)
		return
	}
	s = payment.Evolve(s, events[0])
	c, _ := s.Pending()
	fmt.Println(c.Key, c.Amount)
	// Output: 536365/refund/500-1200 700
}
