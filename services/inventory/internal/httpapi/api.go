// Package httpapi is the public API of the inventory service: receive goods,
// write them off, look at stock and reservations.
package httpapi

import (
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/services/inventory/internal/contract"
)

// Deps are what the operations use.
type Deps struct {
	Store    eventstore.Reader
	Commands *aggregate.Commands
	Contract *contract.Contract
	Now      func() time.Time
}

type api struct{ Deps }

// Register adds the operations.
func Register(to huma.API, deps Deps) {
	a := &api{deps}
	refused := []int{http.StatusConflict, http.StatusUnprocessableEntity}
	huma.Register(to, huma.Operation{
		OperationID: "receive-stock", Method: http.MethodPost, Path: "/stock/{sku}/receipts", Summary: "Receive goods",
		DefaultStatus: http.StatusCreated, Errors: refused,
	}, a.receive)
	huma.Register(to, huma.Operation{
		OperationID: "write-off-stock", Method: http.MethodPost, Path: "/stock/{sku}/write-offs", Summary: "Write off goods that are broken or lost",
		Description:   "Only what is available can be written off: what is promised to an order stays.",
		DefaultStatus: http.StatusCreated, Errors: refused,
	}, a.writeOff)
	huma.Register(to, huma.Operation{
		OperationID: "get-stock", Method: http.MethodGet, Path: "/stock/{sku}", Summary: "Get a stock item",
		Errors: []int{http.StatusNotFound},
	}, a.get)
	huma.Register(to, huma.Operation{
		OperationID: "list-stock", Method: http.MethodGet, Path: "/stock", Summary: "List stock items",
	}, a.list)
	huma.Register(to, huma.Operation{
		OperationID: "get-stock-history", Method: http.MethodGet, Path: "/stock/{id}/history", Summary: "Get what happened to a stock item",
		Errors: []int{http.StatusNotFound},
	}, a.stockHistory)
	huma.Register(to, huma.Operation{
		OperationID: "get-reservation", Method: http.MethodGet, Path: "/reservations/{id}", Summary: "Get the reservation of an order",
		Errors: []int{http.StatusNotFound},
	}, a.reservation)
	huma.Register(to, huma.Operation{
		OperationID: "get-reservation-history", Method: http.MethodGet, Path: "/reservations/{id}/history", Summary: "Get what happened to a reservation",
		Errors: []int{http.StatusNotFound},
	}, a.reservationHistory)
}
