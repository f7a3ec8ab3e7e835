// Package gateway is the payment service's port to a card gateway, and its client
// for Stripe.
//
// The port is written for a caller that retries: an intent whose effect must happen
// exactly once although any answer can be lost. Every method may therefore be
// repeated at any time, and every error tells one thing above all, whether the
// outcome is known:
//
//   - nil: it is done, now or earlier.
//   - [*RefusedError]: it was not done and will not be; the gateway has decided.
//   - [ErrUnavailable]: nobody knows. Ask again, never conclude.
//   - [*InvalidError]: it was not done, and repeating it changes nothing until a
//     person corrects the program or its configuration.
//
// The port guarantees no more than one hold and one capture per created payment,
// and no refund beyond what was captured, because it works on one payment's id:
// Create holds nothing, Confirm holds on that id, and Cancel on that id is final.
// It does not prevent two payments for one order: the caller stores the id that
// Create returned before it confirms.
package gateway

import (
	"context"
	"errors"
	"fmt"
)

// Gateway moves money. Implementations are safe for concurrent use. Amounts are
// minor units, above zero; currencies are ISO 4217 codes in upper case.
//
// A key identifies one intended effect. Gateways forget keys after a while
// (Stripe: 24 hours); all methods but Create stay safe to repeat after that.
type Gateway interface {
	// Create registers a payment that holds no money. Repeated after its key has
	// expired it registers another one, which also holds nothing.
	Create(ctx context.Context, r CreateRequest) (Payment, error)
	// Confirm holds the amount. A payment that is held or captured already is
	// returned as it is; a declined or cancelled one is refused.
	Confirm(ctx context.Context, id, key string) (Payment, error)
	// Get returns what is true at the gateway now.
	Get(ctx context.Context, id string) (Payment, error)
	// Capture takes the whole amount held. A captured payment is returned as it
	// is. After a refusal the hold still exists: cancel it.
	Capture(ctx context.Context, id, key string) (Payment, error)
	// Cancel gives a hold back and makes any later Confirm refused. A cancelled
	// payment is returned as it is, a captured one is refused.
	Cancel(ctx context.Context, id, key string) (Payment, error)
	// Refund gives amount of a captured payment back, in addition to earlier
	// refunds, once per key for ever.
	Refund(ctx context.Context, id string, amount int64, key string) (Payment, error)
}

// CreateRequest describes a payment to be made.
type CreateRequest struct {
	IdempotencyKey string
	OrderID        string
	Amount         int64
	Currency       string
	// PaymentMethod is the gateway's token for the customer's card.
	PaymentMethod string
}

// Status is where a payment stands at the gateway.
type Status string

const (
	// Created holds nothing yet.
	Created Status = "created"
	// Declined holds nothing: the card was refused, see Payment.Reason.
	Declined Status = "declined"
	// Pending is being decided by the gateway.
	Pending Status = "pending"
	// Authorized holds the amount.
	Authorized Status = "authorized"
	// Captured has taken it; Payment.Refunded tells what was given back.
	Captured Status = "captured"
	// Canceled is final and holds nothing.
	Canceled Status = "canceled"
)

// Payment is a payment as the gateway knows it.
type Payment struct {
	ID       string
	Status   Status
	Amount   int64
	Captured int64
	// Refunded is the sum of all refunds so far, never above Captured.
	Refunded int64
	Currency string
	// Reason is the gateway's code for a decline or a cancellation, if any.
	Reason string
}

// ErrUnavailable means that the outcome is unknown: the gateway did not answer, or
// not in a way that tells. It is never a refusal.
var ErrUnavailable = errors.New("gateway unavailable, outcome unknown")

// RefusedError is the gateway's definitive no: the effect did not take place.
type RefusedError struct {
	// Code is the gateway's most specific code, such as insufficient_funds.
	Code string
	// Message is the gateway's, for people. It carries no card data.
	Message string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("refused by the gateway (%s): %s", e.Code, e.Message)
}

// InvalidError means that the request or the credentials are wrong: a defect of
// this program or of its configuration, not of the payment. The effect did not
// take place, and retrying is of no use.
type InvalidError struct {
	// HTTPStatus is 0 if the request was never sent.
	HTTPStatus int
	Code       string
	Message    string
}

func (e *InvalidError) Error() string {
	return fmt.Sprintf("gateway request invalid (status %d, code %q): %s", e.HTTPStatus, e.Code, e.Message)
}
