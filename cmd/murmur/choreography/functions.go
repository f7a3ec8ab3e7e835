package choreography

import (
	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/inventory"
	"github.com/murmuration-dev/murmuration/services/order"
	"github.com/murmuration-dev/murmuration/services/payment"
)

// Domain is the whole behaviour of one service: three pure functions.
type Domain[S, O, C, E any] struct {
	Decide func(S, C) ([]E, error)
	Evolve func(S, E) S
	React  func(S, O) C
}

// System is what is drawn: the services' functions and the topics between them.
type System struct {
	Order       Domain[order.State, order.Observed, order.Command, order.Event]
	Payment     Domain[payment.State, payment.Observed, payment.Command, payment.Event]
	Reservation Domain[inventory.State, inventory.Observed, inventory.Command, inventory.Event]
	// Topics are the declared topics.
	Topics []schemas.Topic
	// Readers names, by topic, a reader that is no service's reaction.
	Readers map[string]string
}

// Real returns the platform as it is.
func Real() System {
	return System{
		Order: Domain[order.State, order.Observed, order.Command, order.Event]{
			Decide: order.Decide, Evolve: order.Evolve, React: order.React,
		},
		Payment: Domain[payment.State, payment.Observed, payment.Command, payment.Event]{
			Decide: payment.Decide, Evolve: payment.Evolve, React: payment.React,
		},
		Reservation: Domain[inventory.State, inventory.Observed, inventory.Command, inventory.Event]{
			Decide: inventory.Decide, Evolve: inventory.Evolve, React: inventory.React,
		},
		Topics: schemas.Topics(),
		Readers: map[string]string{
			schemas.StockLevels:        "murmur audit and murmur order",
			schemas.OrderPositions:     "the order service's own relay, when it starts",
			schemas.PaymentPositions:   "the payment service's own relay, when it starts",
			schemas.InventoryPositions: "the inventory service's own relay, when it starts",
		},
	}
}
