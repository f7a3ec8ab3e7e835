package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/httpserver"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/services/order"
	"github.com/murmuration-dev/murmuration/services/order/internal/projection"
)

const (
	// waitFirst and waitMost bound how often a waiting request looks: soon at
	// first, since most orders settle within milliseconds, then rarely.
	waitFirst = 5 * time.Millisecond
	waitMost  = 100 * time.Millisecond
)

type getRequest struct {
	ID   string `path:"id" maxLength:"64"`
	Wait string `query:"wait" example:"10s" doc:"How long to wait until the order is settled, at most 60s"`
}

type getResponse struct{ Body View }

func (a *api) get(ctx context.Context, in *getRequest) (*getResponse, error) {
	var wait time.Duration
	if in.Wait != "" {
		var err error
		if wait, err = time.ParseDuration(in.Wait); err != nil || wait < 0 || wait > httpserver.MaxWait {
			return nil, httpserver.Problem(http.StatusUnprocessableEntity, httpserver.KindInvalid, "wait must be a duration between 0s and 60s, such as 10s")
		}
	}
	over := time.NewTimer(wait)
	defer over.Stop()
	for pause := waitFirst; ; pause = min(pause*3/2, waitMost) {
		root, err := a.Orders.Read(ctx, a.Store, in.ID)
		if err != nil {
			return nil, err
		}
		if root.Version == 0 {
			return nil, participant.NotFound(a.Orders.StreamID(in.ID))
		}
		if wait == 0 || order.Settled(root.State, root.Observed) {
			return &getResponse{view(root)}, nil
		}
		next := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			next.Stop()
			return nil, ctx.Err()
		case <-httpserver.Draining(ctx):
			wait = 0
		case <-over.C:
			wait = 0
		case <-next.C:
		}
		next.Stop()
	}
}

type listRequest struct {
	Status string `query:"status" enum:"PLACED,CONFIRMED,COMPLETED,CANCELLED,RETURNED"`
	After  string `query:"after" maxLength:"64" doc:"Begin behind this order id"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

type listResponse struct {
	Body struct {
		Orders []projection.Row `json:"orders"`
	}
}

func (a *api) list(ctx context.Context, in *listRequest) (*listResponse, error) {
	rows, err := projection.List(ctx, a.Store, in.Status, in.After, in.Limit)
	out := &listResponse{}
	out.Body.Orders = rows
	return out, err
}

func (a *api) history(ctx context.Context, in *participant.HistoryRequest) (*participant.HistoryResponse, error) {
	return participant.History(ctx, a.Store, a.Orders.StreamID(in.ID), in)
}
