package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/services/order"
)

// PlaceInput is the body of place-order.
type PlaceInput struct {
	OrderID       string      `json:"order_id,omitempty" maxLength:"64" doc:"Your name for the order, unique for all time; made up if absent"`
	Customer      string      `json:"customer,omitempty" maxLength:"200" doc:"Opaque; absent for a guest"`
	Currency      string      `json:"currency" minLength:"3" maxLength:"3" example:"GBP" doc:"ISO 4217"`
	PaymentMethod string      `json:"payment_method,omitempty" maxLength:"200" example:"pm_card_visa" doc:"Token of the card gateway, never card data; may be absent when the total is 0"`
	Lines         []LineInput `json:"lines" minItems:"1" maxItems:"1000"`
	Deadline      int64       `json:"deadline_seconds,omitempty" minimum:"0" maximum:"2592000" doc:"How long the order may wait for payment and reservation"`
}

// LineInput is one line of an order to place.
type LineInput struct {
	SKU         string `json:"sku" minLength:"1" maxLength:"64"`
	Description string `json:"description,omitempty" maxLength:"200"`
	Quantity    int64  `json:"quantity" minimum:"1" maximum:"1000000"`
	Amount      int64  `json:"amount" minimum:"0" doc:"What the whole line costs, in minor units"`
	Kind        string `json:"kind,omitempty" enum:"GOODS,SERVICE" default:"GOODS" doc:"A service, such as postage, has no stock behind it"`
}

type placeRequest struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"255"`
	Body           PlaceInput
}

func (a *api) place(ctx context.Context, in *placeRequest) (*participant.Answer, error) {
	now := a.Now()
	wait := a.Deadline
	if in.Body.Deadline > 0 {
		wait = time.Duration(in.Body.Deadline) * time.Second
	}
	id := in.Body.OrderID
	if id == "" {
		made, err := uuid.NewV7()
		if err != nil {
			return nil, err
		}
		id = made.String()
	}
	command := order.Place{
		ID: id, Customer: in.Body.Customer, Currency: in.Body.Currency, PaymentMethod: in.Body.PaymentMethod,
		Lines: lines(in.Body.Lines), Deadline: now.Add(wait).UnixMicro(), At: now.UnixMicro(),
	}
	return a.change(ctx, change{
		scope: "place", key: in.IdempotencyKey, content: in.Body, id: id, command: command, status: http.StatusCreated,
	})
}

func lines(in []LineInput) []order.Line {
	out := make([]order.Line, len(in))
	for i, l := range in {
		kind := order.KindGoods
		if l.Kind != "" {
			kind = order.Kind(l.Kind)
		}
		out[i] = order.Line{SKU: l.SKU, Description: l.Description, Quantity: l.Quantity, Amount: l.Amount, Kind: kind}
	}
	return out
}

type cancelRequest struct {
	ID             string       `path:"id" maxLength:"64"`
	IdempotencyKey string       `header:"Idempotency-Key" maxLength:"255"`
	Body           *CancelInput // a pointer, since nothing has to be said
}

// CancelInput is the body of cancel-order, which may be absent.
type CancelInput struct {
	Reason string `json:"reason,omitempty" maxLength:"500"`
}

func (a *api) cancel(ctx context.Context, in *cancelRequest) (*participant.Answer, error) {
	var reason string
	if in.Body != nil {
		reason = in.Body.Reason
	}
	return a.change(ctx, change{
		scope: "cancel", key: in.IdempotencyKey, content: in, id: in.ID, status: http.StatusOK,
		command: order.Cancel{Reason: reason, At: a.Now().UnixMicro()},
	})
}

type returnRequest struct {
	ID             string `path:"id" maxLength:"64"`
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"255"`
	Body           struct {
		ReturnID string            `json:"return_id" minLength:"1" maxLength:"64" doc:"Your name for this return: the same again changes nothing"`
		Lines    []ReturnLineInput `json:"lines" minItems:"1" maxItems:"1000"`
		Reason   string            `json:"reason,omitempty" maxLength:"500"`
	}
}

// ReturnLineInput is how much of one line comes back.
type ReturnLineInput struct {
	Line     int32 `json:"line" minimum:"1"`
	Quantity int64 `json:"quantity" minimum:"1" maximum:"1000000"`
}

func (a *api) giveBack(ctx context.Context, in *returnRequest) (*participant.Answer, error) {
	back := make([]order.ReturnLine, len(in.Body.Lines))
	for i, l := range in.Body.Lines {
		back[i] = order.ReturnLine(l)
	}
	return a.change(ctx, change{
		scope: "return", key: in.IdempotencyKey, content: in, id: in.ID, status: http.StatusCreated,
		command: order.Return{ID: in.Body.ReturnID, Lines: back, Reason: in.Body.Reason, At: a.Now().UnixMicro()},
	})
}

// change is one command of a client.
type change struct {
	scope   string // of the idempotency key
	key     string
	content any // what the key stands for, as the client sent it
	id      string
	command order.Command
	status  int // when it is accepted
}

// change decides a command and answers with the order after it: once per
// idempotency key.
func (a *api) change(ctx context.Context, c change) (*participant.Answer, error) {
	digest, err := participant.Digest(c.scope, c.content)
	if err != nil {
		return nil, err
	}
	now := a.Now()
	meta := participant.RequestCause(ctx, now)
	out := &participant.Answer{}
	err = aggregate.Run(ctx, a.Commands, a.Orders, c.id, func(s *aggregate.Session, root *Root) error {
		request := aggregate.Request{Key: c.key, Scope: c.scope, Digest: digest, At: now.UnixMicro()}
		kept, err := s.Once(ctx, request, func() (int, []byte, error) {
			events, err := order.Decide(root.State, c.command)
			if err != nil {
				return 0, nil, err
			}
			if err := a.Append(s, root, meta, events...); err != nil {
				return 0, nil, err
			}
			body, err := json.Marshal(view(root))
			return c.status, body, err
		})
		if err != nil {
			return err
		}
		out.Status, out.Body = kept.Status, kept.Body
		out.Location, err = location(c, kept.Body)
		return err
	})
	if err != nil {
		return nil, problem(err)
	}
	return out, nil
}

// location is the path of the order in an answer. A repeated request may have been
// given another id before the answer of the first was found, which counts.
func location(c change, answer []byte) (string, error) {
	id := c.id
	if c.key != "" {
		var kept struct {
			OrderID string `json:"order_id"`
		}
		if err := json.Unmarshal(answer, &kept); err != nil {
			return "", fmt.Errorf("answer kept for key %s: %w", c.key, err)
		}
		id = kept.OrderID
	}
	return "/orders/" + id, nil
}
