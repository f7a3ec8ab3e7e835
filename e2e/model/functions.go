package model

import (
	"github.com/murmuration-dev/murmuration/services/inventory"
	"github.com/murmuration-dev/murmuration/services/order"
	"github.com/murmuration-dev/murmuration/services/payment"
)

// Functions are the decisions that are explored. Real returns those of the
// services; a test that plants a defect replaces one of them.
type Functions struct {
	OrderDecide        func(order.State, order.Command) ([]order.Event, error)
	OrderEvolve        func(order.State, order.Event) order.State
	OrderReact         func(order.State, order.Observed) order.Command
	OrderSeePayment    func(order.Observed, order.Payment) (order.Observed, bool)
	OrderSeeReserved   func(order.Observed, order.Reservation) (order.Observed, bool)
	OrderSettled       func(order.State, order.Observed) bool
	PaymentDecide      func(payment.State, payment.Command) ([]payment.Event, error)
	PaymentEvolve      func(payment.State, payment.Event) payment.State
	PaymentReact       func(payment.State, payment.Observed) payment.Command
	PaymentSee         func(payment.Observed, payment.Order) (payment.Observed, bool)
	PaymentPending     func(payment.State) (payment.GatewayCommand, bool)
	InventoryDecide    func(inventory.State, inventory.Command) ([]inventory.Event, error)
	InventoryEvolve    func(inventory.State, inventory.Event) inventory.State
	InventoryReact     func(inventory.State, inventory.Observed) inventory.Command
	InventorySee       func(inventory.Observed, inventory.Order) (inventory.Observed, bool)
	InventoryEffects   func(inventory.State, []inventory.Event) []inventory.StockEffect
	InventoryAvailable func(inventory.StockState) int64
	StockDecide        func(inventory.StockState, inventory.StockCommand) ([]inventory.StockEvent, error)
	StockEvolve        func(inventory.StockState, inventory.StockEvent) inventory.StockState
}

// Real returns the services' own functions.
func Real() Functions {
	return Functions{
		OrderDecide:        order.Decide,
		OrderEvolve:        order.Evolve,
		OrderReact:         order.React,
		OrderSeePayment:    order.Observed.WithPayment,
		OrderSeeReserved:   order.Observed.WithReservation,
		OrderSettled:       order.Settled,
		PaymentDecide:      payment.Decide,
		PaymentEvolve:      payment.Evolve,
		PaymentReact:       payment.React,
		PaymentSee:         payment.Observed.WithOrder,
		PaymentPending:     payment.State.Pending,
		InventoryDecide:    inventory.Decide,
		InventoryEvolve:    inventory.Evolve,
		InventoryReact:     inventory.React,
		InventorySee:       inventory.Observed.WithOrder,
		InventoryEffects:   inventory.StockEffects,
		InventoryAvailable: inventory.StockState.Available,
		StockDecide:        inventory.DecideStock,
		StockEvolve:        inventory.EvolveStock,
	}
}
