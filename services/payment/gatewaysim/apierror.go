package gatewaysim

import (
	"encoding/json"
	"fmt"
	"net/http"
)

const (
	invalidRequest   = "invalid_request_error"
	cardError        = "card_error"
	apiFailure       = "api_error"
	idempotencyError = "idempotency_error"
)

// apiError is a refusal in Stripe's terms.
type apiError struct {
	status      int
	kind        string
	code        string
	declineCode string
	param       string
	message     string
	// about is the payment that the refusal concerns, sent along with it.
	about *payment
	// early means that the request was refused before it was carried out: its
	// Idempotency-Key stays unused.
	early bool
}

func unexpectedState(p *payment, verb string) *apiError {
	return &apiError{
		status: http.StatusBadRequest, kind: invalidRequest,
		code: "payment_intent_unexpected_state", about: p,
		message: fmt.Sprintf("You cannot %s this PaymentIntent because it has a status of %s.", verb, p.status),
	}
}

func cardDeclined(p *payment, declineCode string) *apiError {
	return &apiError{
		status: http.StatusPaymentRequired, kind: cardError, code: "card_declined",
		declineCode: declineCode, about: p, message: declineMessage(declineCode),
	}
}

func declineMessage(declineCode string) string {
	switch declineCode {
	case insufficientFunds:
		return "Your card has insufficient funds."
	case authorizationGone:
		return "The issuer has withdrawn the authorization."
	default:
		return "Your card was declined."
	}
}

func invalid(param, format string, args ...any) *apiError {
	return &apiError{
		status: http.StatusBadRequest, kind: invalidRequest, param: param, early: true,
		message: fmt.Sprintf(format, args...),
	}
}

func missing(status int, param, what, id string) *apiError {
	return &apiError{
		status: status, kind: invalidRequest, code: "resource_missing", param: param, early: true,
		message: fmt.Sprintf("No such %s: '%s'", what, id),
	}
}

func internalError() *apiError {
	return &apiError{
		status: http.StatusInternalServerError, kind: apiFailure, early: true,
		message: "An unknown error occurred.",
	}
}

func serviceUnavailable() *apiError {
	return &apiError{
		status: http.StatusServiceUnavailable, kind: apiFailure, early: true,
		message: "The gateway is temporarily unavailable.",
	}
}

func tooMany() *apiError {
	return &apiError{
		status: http.StatusTooManyRequests, kind: invalidRequest, code: "rate_limit", early: true,
		message: "Too many requests.",
	}
}

// errorObject is the shape of an error inside an answer, and of a payment's last
// error.
type errorObject struct {
	Charge        string         `json:"charge,omitempty"`
	Code          string         `json:"code,omitempty"`
	DeclineCode   string         `json:"decline_code,omitempty"`
	Message       string         `json:"message"`
	Param         string         `json:"param,omitempty"`
	PaymentIntent *paymentIntent `json:"payment_intent,omitempty"`
	Type          string         `json:"type"`
}

func (e *apiError) object() errorObject {
	o := errorObject{Code: e.code, DeclineCode: e.declineCode, Message: e.message, Param: e.param, Type: e.kind}
	if e.about != nil {
		if e.about.charged() {
			o.Charge = e.about.chargeID()
		}
		intent := intentObject(e.about, expansion{})
		o.PaymentIntent = &intent
	}
	return o
}

func (e *apiError) reply() (reply, error) {
	body, err := json.Marshal(map[string]errorObject{"error": e.object()})
	if err != nil {
		return reply{}, fmt.Errorf("encode error answer: %w", err)
	}
	return reply{status: e.status, body: body, final: !e.early}, nil
}
