package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/httpserver"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/services/inventory"
	"github.com/murmuration-dev/murmuration/services/inventory/internal/contract"
)

// StockView is a stock item as clients see it, in units.
type StockView struct {
	SKU        string    `json:"sku"`
	Version    int64     `json:"version"`
	OnHand     int64     `json:"on_hand"`
	Reserved   int64     `json:"reserved"`
	Available  int64     `json:"available"`
	Received   int64     `json:"received"`
	Committed  int64     `json:"committed"`
	Restocked  int64     `json:"restocked"`
	WrittenOff int64     `json:"written_off"`
	UpdatedAt  time.Time `json:"updated_at"`
}

func viewStock(version int64, s inventory.StockState) StockView {
	return StockView{
		SKU: s.SKU, Version: version, OnHand: s.OnHand, Reserved: s.Reserved, Available: s.Available(), Received: s.Received,
		Committed: s.Committed, Restocked: s.Restocked, WrittenOff: s.WrittenOff, UpdatedAt: time.UnixMicro(s.UpdatedAt).UTC(),
	}
}

type stockItem = aggregate.Root[inventory.StockState, contract.Nothing, inventory.StockEvent]

// Movement is the body of a receipt or a write-off.
type Movement struct {
	ID       string `json:"id" minLength:"1" maxLength:"64" doc:"Your name for this movement: the same again changes nothing"`
	Quantity int64  `json:"quantity" minimum:"1" maximum:"1000000000"`
	Reason   string `json:"reason,omitempty" maxLength:"500"`
}

type movementRequest struct {
	SKU            string `path:"sku" maxLength:"64"`
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"255"`
	Body           Movement
}

func (a *api) receive(ctx context.Context, in *movementRequest) (*participant.Answer, error) {
	return a.move(ctx, "receive", in, inventory.Receive{ID: in.Body.ID, SKU: in.SKU, Quantity: in.Body.Quantity})
}

func (a *api) writeOff(ctx context.Context, in *movementRequest) (*participant.Answer, error) {
	return a.move(ctx, "write-off", in, inventory.WriteOff{ID: in.Body.ID, SKU: in.SKU, Quantity: in.Body.Quantity, Reason: in.Body.Reason})
}

// move decides a movement and answers with the item after it: once per
// idempotency key, and once per movement id.
func (a *api) move(ctx context.Context, scope string, in *movementRequest, command inventory.StockCommand) (*participant.Answer, error) {
	digest, err := participant.Digest(scope, in)
	if err != nil {
		return nil, err
	}
	now := a.Now()
	meta := participant.RequestCause(ctx, now)
	command = inventory.StampStock(command, meta.At)
	out := &participant.Answer{Location: "/stock/" + url.PathEscape(in.SKU)}
	err = aggregate.Run(ctx, a.Commands, a.Contract.Stock, in.SKU, func(s *aggregate.Session, item *stockItem) error {
		request := aggregate.Request{Key: in.IdempotencyKey, Scope: scope, Digest: digest, At: meta.At}
		kept, err := s.Once(ctx, request, func() (int, []byte, error) {
			events, err := inventory.DecideStock(item.State, command)
			if err != nil {
				return 0, nil, err
			}
			if err := item.Apply(meta, events...); err != nil {
				return 0, nil, err
			}
			body, err := json.Marshal(viewStock(item.Version, item.State))
			return http.StatusCreated, body, err
		})
		out.Status, out.Body = kept.Status, kept.Body
		return err
	})
	if err != nil {
		return nil, problem(err)
	}
	return out, nil
}

type skuRequest struct {
	SKU string `path:"sku" maxLength:"64"`
}

type stockResponse struct{ Body StockView }

func (a *api) get(ctx context.Context, in *skuRequest) (*stockResponse, error) {
	item, err := a.Contract.Stock.Read(ctx, a.Store, in.SKU)
	if err != nil {
		return nil, err
	}
	if item.Version == 0 {
		return nil, participant.NotFound(a.Contract.Stock.StreamID(in.SKU))
	}
	return &stockResponse{viewStock(item.Version, item.State)}, nil
}

type listRequest struct {
	After string `query:"after" maxLength:"64" doc:"Begin behind this SKU"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

type listResponse struct {
	Body struct {
		Stock []StockView `json:"stock"`
	}
}

func (a *api) list(ctx context.Context, in *listRequest) (*listResponse, error) {
	rows, err := a.Store.Streams(ctx, a.Contract.Stock.Kind, in.After, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &listResponse{}
	out.Body.Stock = make([]StockView, 0, len(rows))
	for _, row := range rows {
		item, err := a.Contract.Stock.Root(row)
		if err != nil {
			return nil, err
		}
		out.Body.Stock = append(out.Body.Stock, viewStock(item.Version, item.State))
	}
	return out, nil
}

func (a *api) stockHistory(ctx context.Context, in *participant.HistoryRequest) (*participant.HistoryResponse, error) {
	return participant.History(ctx, a.Store, a.Contract.Stock.StreamID(in.ID), in)
}

// problem turns a refusal into a problem; other errors stay hidden from clients.
func problem(err error) error {
	var invalid *inventory.InvalidError
	switch {
	case errors.As(err, &invalid):
		details := make([]error, len(invalid.Fields))
		for i, f := range invalid.Fields {
			details[i] = &huma.ErrorDetail{Location: "body." + f.Field, Message: f.Message}
		}
		return httpserver.Problem(http.StatusUnprocessableEntity, httpserver.KindInvalid, "The movement cannot be accepted as it is.", details...)
	case errors.Is(err, inventory.ErrInsufficient):
		return httpserver.Problem(http.StatusConflict, "stock-insufficient", err.Error())
	case errors.Is(err, inventory.ErrRefused):
		return httpserver.Problem(http.StatusConflict, "movement-refused", err.Error())
	}
	return participant.Problem(err)
}
