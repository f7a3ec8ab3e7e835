package order_test

import (
	"fmt"

	"github.com/murmuration-dev/murmuration/services/order"
)

// An order that payment and inventory both promise is confirmed.
func ExampleReact() {
	events, err := order.Decide(order.State{}, order.Place{
		ID: "42", Currency: "EUR", PaymentMethod: "pm_card",
		Lines:    []order.Line{{SKU: "85123A", Quantity: 6, Amount: 1530, Kind: order.KindGoods}},
		Deadline: 2_000_000, At: 1_000_000,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := order.Evolve(order.State{}, events[0])

	var o order.Observed
	o, _ = o.WithPayment(order.Payment{Version: 3, Status: order.PaymentAuthorized})
	fmt.Println(s.Status, "waits:", order.React(s, o) == nil)

	o, _ = o.WithReservation(order.Reservation{Version: 1, Status: order.ReservationReserved})
	events, _ = order.Decide(s, order.Stamp(order.React(s, o), 1_500_000))
	fmt.Println(order.Evolve(s, events[0]).Status)
	// Output:
	// PLACED waits: true
	// CONFIRMED
}
