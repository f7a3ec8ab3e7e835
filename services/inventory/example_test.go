package inventory_test

import (
	"fmt"

	"github.com/murmuration-dev/murmuration/services/inventory"
)

// One order is reserved and its stock held, as one commit of the store would.
func ExampleStockEffects() {
	var o inventory.Observed
	o, _ = o.WithOrder(inventory.Order{OrderID: "42", Version: 1, Status: inventory.OrderPlaced,
		Lines: []inventory.OrderLine{{Line: 1, SKU: "85123A", Quantity: 6}, {Line: 2, SKU: "85123A", Quantity: 2}}})

	var reservation inventory.State
	stock := inventory.StockState{SKU: "85123A", OnHand: 10, Received: 10}

	command := inventory.React(reservation, o)
	fmt.Println("lock:", inventory.SKUs(reservation, command))
	command = inventory.WithAvailable(command, []inventory.Availability{{SKU: stock.SKU, Available: stock.Available()}})
	events, err := inventory.Decide(reservation, inventory.Stamp(command, 1_000_000))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, effect := range inventory.StockEffects(reservation, events) {
		held, err := inventory.DecideStock(stock, effect.Command)
		if err != nil {
			fmt.Println(err)
			return
		}
		stock = inventory.EvolveStock(stock, held[0])
	}
	reservation = inventory.Evolve(reservation, events[0])
	fmt.Println(reservation.Status, "available:", stock.Available())
	// Output:
	// lock: [85123A]
	// RESERVED available: 2
}
