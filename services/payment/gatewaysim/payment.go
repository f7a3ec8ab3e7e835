package gatewaysim

import (
	"crypto/rand"
	"maps"
	"strings"
	"time"
)

type status string

const (
	requiresPaymentMethod status = "requires_payment_method"
	requiresConfirmation  status = "requires_confirmation"
	requiresCapture       status = "requires_capture"
	succeeded             status = "succeeded"
	canceled              status = "canceled"
)

// payment is one payment intent as the ledger holds it. Amounts are minor units.
// authorized stays after a capture or a cancel: it tells what was once held.
type payment struct {
	id           string
	orderID      string
	currency     string
	method       string
	amount       int64
	status       status
	authorized   int64
	captured     int64
	refunded     int64
	confirms     int
	captures     int
	confirmTries int
	captureTries int
	declineCode  string
	cancelReason string
	canceledAt   int64
	created      int64
	// metadata is never changed once the payment exists, so copies share it.
	metadata map[string]string
}

// newPayment holds nothing yet. Ids are random: a ledger that is thrown away and
// begun anew must not give an old payment's id to another one.
func newPayment(amount int64, currency, method string, metadata map[string]string, now time.Time) *payment {
	p := &payment{
		id:       "pi_" + rand.Text(),
		orderID:  metadata["order_id"],
		currency: currency,
		method:   method,
		amount:   amount,
		status:   requiresConfirmation,
		created:  now.Unix(),
		metadata: maps.Clone(metadata),
	}
	if method == "" {
		p.status = requiresPaymentMethod
	}
	return p
}

// chargeID is derived: an intent has one charge at most, made by its first
// confirm.
func (p *payment) chargeID() string { return "ch_" + strings.TrimPrefix(p.id, "pi_") }

func (p *payment) charged() bool { return p.confirms > 0 || p.declineCode != "" }

// held is what the cardholder cannot spend: authorized, and neither captured nor
// given back.
func (p *payment) held() int64 {
	if p.status != requiresCapture {
		return 0
	}
	return p.authorized
}

func (p *payment) confirm() *apiError {
	if p.status != requiresConfirmation {
		return unexpectedState(p, "confirm")
	}
	if code := cards[p.method].decline; code != "" {
		p.status, p.declineCode = requiresPaymentMethod, code
		return cardDeclined(p, code)
	}
	p.status = requiresCapture
	p.authorized = p.amount
	p.declineCode = ""
	p.confirms++
	return nil
}

// capture takes amount and gives the rest of the hold back. Zero means all.
func (p *payment) capture(amount int64) *apiError {
	if p.status != requiresCapture {
		return unexpectedState(p, "capture")
	}
	if amount == 0 {
		amount = p.authorized
	}
	if amount > p.authorized {
		return &apiError{
			status: 400, kind: invalidRequest, code: "amount_too_large", param: "amount_to_capture",
			message: "The amount to capture is greater than what was authorized.",
		}
	}
	if code := cards[p.method].captureDecline; code != "" {
		return cardDeclined(p, code)
	}
	p.status = succeeded
	p.captured = amount
	p.captures++
	return nil
}

func (p *payment) cancel(reason string, now time.Time) *apiError {
	if p.status == succeeded || p.status == canceled {
		return unexpectedState(p, "cancel")
	}
	p.status, p.cancelReason, p.canceledAt = canceled, reason, now.Unix()
	return nil
}

// refund gives amount back, or all that is left if amount is zero, and returns
// what it gave.
func (p *payment) refund(amount int64) (int64, *apiError) {
	left := p.captured - p.refunded
	switch {
	case p.status != succeeded:
		return 0, unexpectedState(p, "refund")
	case left == 0:
		return 0, &apiError{
			status: 400, kind: invalidRequest, code: "charge_already_refunded",
			message: "The charge " + p.chargeID() + " has already been refunded.",
		}
	case amount > left:
		return 0, &apiError{
			status: 400, kind: invalidRequest, param: "amount",
			message: "The refund is greater than what is left of the charge.",
		}
	case amount == 0:
		amount = left
	}
	p.refunded += amount
	return amount, nil
}

// refund is one entry of a payment's refunds.
type refund struct {
	id        string
	paymentID string
	amount    int64
	created   int64
	metadata  map[string]string
}
