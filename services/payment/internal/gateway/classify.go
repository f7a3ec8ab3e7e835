package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/stripe/stripe-go/v85"
)

const (
	unexpectedState = string(stripe.ErrorCodePaymentIntentUnexpectedState)
	refundFailed    = "refund_failed"
)

// refusals are the codes that Stripe sends with status 400 or 404 although the
// request was sound: the payment is what does not allow it.
var refusals = []stripe.ErrorCode{
	stripe.ErrorCodePaymentIntentUnexpectedState,
	stripe.ErrorCodeChargeExpiredForCapture,
	stripe.ErrorCodeCaptureChargeAuthorizationExpired,
	stripe.ErrorCodeCaptureUnauthorizedPayment,
	stripe.ErrorCodeChargeAlreadyRefunded,
	stripe.ErrorCodeChargeDisputed,
	stripe.ErrorCodeAmountTooSmall,
	stripe.ErrorCodeAmountTooLarge,
}

// classify turns what the client returned into one of the port's errors. Only what
// is positively known to be a refusal or a wrong request is called so; everything
// else is an unknown outcome.
func classify(err error) error {
	var decided *RefusedError
	if errors.As(err, &decided) {
		return err
	}
	var e *stripe.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	refused := &RefusedError{Code: codeOf(e), Message: e.Msg}
	wrong := &InvalidError{HTTPStatus: e.HTTPStatusCode, Code: string(e.Code), Message: e.Msg}
	switch e.HTTPStatusCode {
	case http.StatusPaymentRequired:
		return refused
	case http.StatusBadRequest, http.StatusNotFound:
		switch {
		case e.Type == stripe.ErrorTypeCard, slices.Contains(refusals, e.Code):
			return refused
		case e.Code == stripe.ErrorCodeResourceMissing && e.Param == "payment_method":
			// The token came from the customer, so this is the customer's refusal.
			return refused
		}
		return wrong
	case http.StatusUnauthorized, http.StatusForbidden:
		return wrong
	default:
		return fmt.Errorf("%w: status %d, code %q: %s", ErrUnavailable, e.HTTPStatusCode, e.Code, e.Msg)
	}
}

// codeOf returns the most specific code.
func codeOf(e *stripe.Error) string {
	switch {
	case e.DeclineCode != "":
		return string(e.DeclineCode)
	case e.Code != "":
		return string(e.Code)
	default:
		return string(e.Type)
	}
}

func checkCommand(key string, amount int64) error {
	if amount < 1 {
		return &InvalidError{Message: fmt.Sprintf("the amount %d is not positive", amount)}
	}
	return checkKey(key)
}

// checkKey catches what the client library would only report as an unclassified
// error, or replace with a random key.
func checkKey(key string) error {
	if key == "" || len(key) > keyLimit || strings.TrimSpace(key) != key {
		return &InvalidError{Message: fmt.Sprintf("the key %q is empty, padded, or longer than %d", key, keyLimit)}
	}
	return nil
}

func upper(c stripe.Currency) string { return strings.ToUpper(string(c)) }
