// Package httpapi is the public API of the payment service: to look at payments.
// Nothing can be changed here: payments follow orders.
package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/services/payment/internal/contract"
)

// Deps are what the operations use.
type Deps struct {
	Store    eventstore.Reader
	Payments *contract.Payments
}

type api struct{ Deps }

// Register adds the operations.
func Register(to huma.API, deps Deps) {
	a := &api{deps}
	huma.Register(to, huma.Operation{
		OperationID: "get-payment", Method: http.MethodGet, Path: "/payments/{id}", Summary: "Get the payment of an order",
		Errors: []int{http.StatusNotFound},
	}, a.get)
	huma.Register(to, huma.Operation{
		OperationID: "get-payment-history", Method: http.MethodGet, Path: "/payments/{id}/history", Summary: "Get what happened to a payment",
		Errors: []int{http.StatusNotFound},
	}, a.history)
}

// View is a payment as clients see it. Amounts are in minor units.
type View struct {
	OrderID   string    `json:"order_id"`
	Version   int64     `json:"version"`
	Status    string    `json:"status" enum:"AUTHORIZING,AUTHORIZED,DECLINED,CAPTURED,REFUNDED,VOIDED"`
	InFlight  string    `json:"in_flight,omitempty" doc:"What the gateway was asked and has not answered yet"`
	Currency  string    `json:"currency,omitempty"`
	Amount    int64     `json:"amount"`
	Captured  int64     `json:"captured"`
	Refunded  int64     `json:"refunded"`
	Reason    string    `json:"reason,omitempty"`
	GatewayID string    `json:"gateway_payment_id,omitempty"`
	UpdatedAt time.Time `json:"updated_at"`
}

type getRequest struct {
	ID string `path:"id" maxLength:"64" doc:"Of the order"`
}

type getResponse struct{ Body View }

func (a *api) get(ctx context.Context, in *getRequest) (*getResponse, error) {
	root, err := a.Payments.Read(ctx, a.Store, in.ID)
	if err != nil {
		return nil, err
	}
	if root.Version == 0 {
		return nil, participant.NotFound(a.Payments.StreamID(in.ID))
	}
	s := root.State
	return &getResponse{View{
		OrderID: s.OrderID, Version: root.Version, Status: string(s.Status), InFlight: string(s.InFlight.Kind), Currency: s.Currency,
		Amount: s.Amount, Captured: s.Captured, Refunded: s.Refunded, Reason: s.Reason, GatewayID: s.GatewayID,
		UpdatedAt: time.UnixMicro(s.UpdatedAt).UTC(),
	}}, nil
}

func (a *api) history(ctx context.Context, in *participant.HistoryRequest) (*participant.HistoryResponse, error) {
	return participant.History(ctx, a.Store, a.Payments.StreamID(in.ID), in)
}
