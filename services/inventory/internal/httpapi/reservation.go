package httpapi

import (
	"context"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/services/inventory"
)

// ReservationView is a reservation as clients see it.
type ReservationView struct {
	OrderID   string               `json:"order_id"`
	Version   int64                `json:"version"`
	Status    string               `json:"status" enum:"RESERVED,REJECTED,COMMITTED,RELEASED,RESTOCKED"`
	Lines     []inventory.Line     `json:"lines"`
	Shortages []inventory.Shortage `json:"shortages,omitempty"`
	Reason    string               `json:"reason,omitempty"`
	UpdatedAt time.Time            `json:"updated_at"`
}

type orderRequest struct {
	ID string `path:"id" maxLength:"64" doc:"Of the order"`
}

type reservationResponse struct{ Body ReservationView }

func (a *api) reservation(ctx context.Context, in *orderRequest) (*reservationResponse, error) {
	root, err := a.Contract.Reservations.Read(ctx, a.Store, in.ID)
	if err != nil {
		return nil, err
	}
	if root.Version == 0 {
		return nil, participant.NotFound(a.Contract.Reservations.StreamID(in.ID))
	}
	s := root.State
	return &reservationResponse{ReservationView{
		OrderID: s.OrderID, Version: root.Version, Status: string(s.Status), Lines: s.Lines, Shortages: s.Shortages,
		Reason: s.Reason, UpdatedAt: time.UnixMicro(s.UpdatedAt).UTC(),
	}}, nil
}

func (a *api) reservationHistory(ctx context.Context, in *participant.HistoryRequest) (*participant.HistoryResponse, error) {
	return participant.History(ctx, a.Store, a.Contract.Reservations.StreamID(in.ID), in)
}
