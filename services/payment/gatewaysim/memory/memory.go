// Package memory is a card gateway in memory, behind the payment service's port:
// for simulations, in which nothing may leave the process and every call must be
// able to get lost.
//
// It guarantees what the port says a gateway does: it remembers keys, moves each
// payment forward only, and answers a repeated request with what is true. Every
// call goes through a transport, which decides whether and when it takes effect.
//
// It does not speak any protocol; package gatewaysim does.
package memory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/murmuration-dev/murmuration/services/payment/internal/gateway"
)

// Tokens of cards that do something else than pay.
const (
	// Declined is refused when the amount is to be held.
	Declined = "pm_card_chargeDeclined"
	// CaptureRefused is held, and refused when it is to be taken.
	CaptureRefused = "pm_sim_captureRefused"
)

const (
	genericDecline    = "generic_decline"
	authorizationGone = "revocation_of_authorization"
	unexpectedState   = "payment_intent_unexpected_state"
	chargeRefunded    = "charge_already_refunded"
)

// Transport carries one call to the gateway. It runs effect once, not at all or,
// if it says so by an error, perhaps later; and never two effects at a time. Its
// own errors mean that the outcome is unknown.
type Transport func(ctx context.Context, op, key string, effect func() error) error

// Ledger is what the gateway knows. Its methods must not run beside an effect.
type Ledger struct {
	payments []*Entry
	byKey    map[string]*Entry
}

// Entry is one payment. Held is what its owner cannot spend.
type Entry struct {
	ID, OrderID, Method      string
	Currency                 string
	Amount                   int64
	Held, Captured, Refunded int64
	Status                   string
	Captures                 int
	refunds                  map[string]int64
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger { return &Ledger{byKey: make(map[string]*Entry)} }

// Payments returns all payments, in the order in which they were created.
func (l *Ledger) Payments() []*Entry { return slices.Clone(l.payments) }

// Gateway is the ledger as one process reaches it.
type Gateway struct {
	ledger  *Ledger
	through Transport
}

var _ gateway.Gateway = (*Gateway)(nil)

// Through returns the gateway at the end of a transport.
func (l *Ledger) Through(t Transport) *Gateway { return &Gateway{ledger: l, through: t} }

// do makes a call and tells the ledger's answers from the transport's failures.
func (g *Gateway) do(ctx context.Context, op, key string, effect func() (*Entry, error)) (p gateway.Payment, err error) {
	var answer gateway.Payment
	failed := g.through(ctx, op, key, func() error {
		e, err := effect()
		if e != nil {
			answer = e.payment()
		}
		return err
	})
	var refused *gateway.RefusedError
	var invalid *gateway.InvalidError
	switch {
	case failed == nil:
		return answer, nil
	case errors.As(failed, &refused), errors.As(failed, &invalid):
		return p, failed
	}
	return p, fmt.Errorf("%s: %w: %w", op, gateway.ErrUnavailable, failed)
}

// Create implements gateway.Gateway.
func (g *Gateway) Create(ctx context.Context, r gateway.CreateRequest) (gateway.Payment, error) {
	return g.do(ctx, "create", r.IdempotencyKey, func() (*Entry, error) {
		if r.Amount < 1 {
			return nil, &gateway.InvalidError{HTTPStatus: 400, Message: "the amount is not positive"}
		}
		if e := g.ledger.byKey[r.IdempotencyKey]; e != nil {
			return e, nil
		}
		e := &Entry{
			ID: "pi_" + strconv.Itoa(len(g.ledger.payments)+1), OrderID: r.OrderID, Method: r.PaymentMethod,
			Amount: r.Amount, Currency: r.Currency, Status: string(gateway.Created), refunds: make(map[string]int64),
		}
		g.ledger.payments = append(g.ledger.payments, e)
		g.ledger.byKey[r.IdempotencyKey] = e
		return e, nil
	})
}

// Confirm implements gateway.Gateway.
func (g *Gateway) Confirm(ctx context.Context, id, key string) (gateway.Payment, error) {
	return g.move(ctx, "confirm", id, key, func(e *Entry) error {
		switch e.Status {
		case string(gateway.Authorized), string(gateway.Captured):
			return nil
		case string(gateway.Declined):
			return &gateway.RefusedError{Code: genericDecline, Message: "the card was declined before"}
		case string(gateway.Canceled):
			return unexpected("confirm", e)
		}
		if e.Method == Declined {
			e.Status = string(gateway.Declined)
			return &gateway.RefusedError{Code: genericDecline, Message: "the card was declined"}
		}
		e.Status, e.Held = string(gateway.Authorized), e.Amount
		return nil
	})
}

// Get implements gateway.Gateway.
func (g *Gateway) Get(ctx context.Context, id string) (gateway.Payment, error) {
	return g.move(ctx, "get", id, id, func(*Entry) error { return nil })
}

// Capture implements gateway.Gateway.
func (g *Gateway) Capture(ctx context.Context, id, key string) (gateway.Payment, error) {
	return g.move(ctx, "capture", id, key, func(e *Entry) error {
		switch {
		case e.Status == string(gateway.Captured):
			return nil
		case e.Status != string(gateway.Authorized):
			return unexpected("capture", e)
		case e.Method == CaptureRefused:
			return &gateway.RefusedError{Code: authorizationGone, Message: "the authorization was revoked"}
		}
		e.Status, e.Captured, e.Held = string(gateway.Captured), e.Amount, 0
		e.Captures++
		return nil
	})
}

// Cancel implements gateway.Gateway.
func (g *Gateway) Cancel(ctx context.Context, id, key string) (gateway.Payment, error) {
	return g.move(ctx, "cancel", id, key, func(e *Entry) error {
		if e.Status == string(gateway.Captured) {
			return unexpected("cancel", e)
		}
		e.Status, e.Held = string(gateway.Canceled), 0
		return nil
	})
}

// Refund implements gateway.Gateway.
func (g *Gateway) Refund(ctx context.Context, id string, amount int64, key string) (gateway.Payment, error) {
	return g.move(ctx, "refund", id, key, func(e *Entry) error {
		done, known := e.refunds[key]
		switch {
		case known && done == amount:
			return nil
		case known:
			return &gateway.InvalidError{HTTPStatus: 400, Message: "the key was used for another refund"}
		case e.Status != string(gateway.Captured):
			return unexpected("refund", e)
		case amount < 1 || amount > e.Captured-e.Refunded:
			return &gateway.RefusedError{Code: chargeRefunded, Message: "the refund is greater than what is left"}
		}
		e.refunds[key] = amount
		e.Refunded += amount
		return nil
	})
}

func (g *Gateway) move(ctx context.Context, op, id, key string, step func(*Entry) error) (gateway.Payment, error) {
	return g.do(ctx, op, key, func() (*Entry, error) {
		for _, e := range g.ledger.payments {
			if e.ID == id {
				return e, step(e)
			}
		}
		return nil, &gateway.InvalidError{HTTPStatus: 404, Code: "resource_missing", Message: "no payment " + id}
	})
}

func unexpected(verb string, e *Entry) error {
	return &gateway.RefusedError{Code: unexpectedState, Message: "cannot " + verb + " a payment that is " + e.Status}
}

func (e *Entry) payment() gateway.Payment {
	return gateway.Payment{
		ID: e.ID, Status: gateway.Status(e.Status), Amount: e.Amount, Captured: e.Captured, Refunded: e.Refunded, Currency: e.Currency,
	}
}
