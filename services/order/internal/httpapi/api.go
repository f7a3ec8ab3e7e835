// Package httpapi is the public API of the order service: place, look, wait,
// cancel, return.
package httpapi

import (
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/services/order"
	"github.com/murmuration-dev/murmuration/services/order/internal/contract"
)

// Root is a loaded order.
type Root = aggregate.Root[order.State, order.Observed, order.Event]

// Deps are what the operations use.
type Deps struct {
	Store    eventstore.Reader
	Commands *aggregate.Commands
	Orders   *contract.Orders
	// Append adds decided events to a session, with all that they entail.
	Append func(*aggregate.Session, *Root, eventstore.Meta, ...order.Event) error
	// Deadline is how long an order may wait when the client does not say.
	Deadline time.Duration
	Now      func() time.Time
}

type api struct{ Deps }

// Register adds the operations.
func Register(to huma.API, deps Deps) {
	a := &api{deps}
	huma.Register(to, huma.Operation{
		OperationID: "place-order", Method: http.MethodPost, Path: "/orders", Summary: "Place an order",
		Description:   "Answers as soon as the order is durable; payment and reservation follow. Send an Idempotency-Key to be able to repeat the request safely.",
		DefaultStatus: http.StatusCreated, Errors: []int{http.StatusConflict, http.StatusUnprocessableEntity},
	}, a.place)
	huma.Register(to, huma.Operation{
		OperationID: "get-order", Method: http.MethodGet, Path: "/orders/{id}", Summary: "Get an order",
		Description: "With ?wait= the answer is held back until the order is settled or the time is over.",
		Errors:      []int{http.StatusNotFound},
	}, a.get)
	huma.Register(to, huma.Operation{
		OperationID: "list-orders", Method: http.MethodGet, Path: "/orders", Summary: "List orders",
	}, a.list)
	huma.Register(to, huma.Operation{
		OperationID: "get-order-history", Method: http.MethodGet, Path: "/orders/{id}/history", Summary: "Get what happened to an order",
		Errors: []int{http.StatusNotFound},
	}, a.history)
	huma.Register(to, huma.Operation{
		OperationID: "cancel-order", Method: http.MethodPost, Path: "/orders/{id}/cancel", Summary: "Cancel an order that is not confirmed yet",
		Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, a.cancel)
	huma.Register(to, huma.Operation{
		OperationID: "return-lines", Method: http.MethodPost, Path: "/orders/{id}/returns", Summary: "Return some lines of a completed order",
		DefaultStatus: http.StatusCreated, Errors: []int{http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity},
	}, a.giveBack)
}
