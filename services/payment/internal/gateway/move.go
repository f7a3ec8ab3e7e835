package gateway

import (
	"context"
	"errors"
	"fmt"

	"github.com/stripe/stripe-go/v85"
)

// call bounds one request in time and classifies its error.
func (s *Stripe) call(
	ctx context.Context, request func(context.Context) (*stripe.PaymentIntent, error),
) (*stripe.PaymentIntent, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	pi, err := request(ctx)
	if err != nil {
		return nil, classify(err)
	}
	return pi, nil
}

// move brings the payment to a status. An answer that may be out of date, because
// the gateway repeated it from an earlier request, and a state that does not allow
// the step, possibly because it was made long ago, are resolved by asking what is
// true now.
func (s *Stripe) move(
	ctx context.Context, verb, id, key string, goal Status,
	request func(context.Context) (*stripe.PaymentIntent, error),
) (Payment, error) {
	p, err := s.tryMove(ctx, id, key, goal, request)
	if err != nil {
		return Payment{}, fmt.Errorf("%s payment %s: %w", verb, id, err)
	}
	return p, nil
}

func (s *Stripe) tryMove(
	ctx context.Context, id, key string, goal Status,
	request func(context.Context) (*stripe.PaymentIntent, error),
) (Payment, error) {
	if err := checkKey(key); err != nil {
		return Payment{}, err
	}
	if id == "" {
		return Payment{}, &InvalidError{Message: "the payment id is empty"}
	}
	pi, err := s.call(ctx, request)
	var refused *RefusedError
	switch {
	case err == nil && !wasReplayed(pi.LastResponse):
		return judge(paymentOf(pi), goal, &RefusedError{})
	case err == nil:
		refused = &RefusedError{Code: unexpectedState, Message: "the payment has moved on since the first answer"}
	case !errors.As(err, &refused) || refused.Code != unexpectedState:
		return Payment{}, err
	}
	p, err := s.get(ctx, id)
	if err != nil {
		return Payment{}, err
	}
	return judge(p, goal, refused)
}

// judge tells whether a payment in p's status has reached the goal.
func judge(p Payment, goal Status, refused *RefusedError) (Payment, error) {
	switch {
	case p.Status == goal, goal == Authorized && p.Status == Captured:
		return p, nil
	case p.Status == Pending:
		return Payment{}, fmt.Errorf("%w: the gateway has not decided yet", ErrUnavailable)
	case p.Status == Declined && p.Reason != "":
		return Payment{}, &RefusedError{Code: p.Reason, Message: "the card was declined before"}
	case refused.Code == "":
		return Payment{}, fmt.Errorf("%w: the gateway reports success and the status %s", ErrUnavailable, p.Status)
	}
	return Payment{}, refused
}

// Refund implements [Gateway]. It looks for a refund with this key first, because
// repeating one after the key has expired would pay twice.
func (s *Stripe) Refund(ctx context.Context, id string, amount int64, key string) (Payment, error) {
	p, err := s.refund(ctx, id, amount, key)
	if err != nil {
		return Payment{}, fmt.Errorf("refund %d of payment %s: %w", amount, id, err)
	}
	return p, nil
}

func (s *Stripe) refund(ctx context.Context, id string, amount int64, key string) (Payment, error) {
	if err := checkCommand(key, amount); err != nil {
		return Payment{}, err
	}
	if id == "" {
		return Payment{}, &InvalidError{Message: "the payment id is empty"}
	}
	done, err := s.refundDone(ctx, id, amount, key)
	if err != nil {
		return Payment{}, err
	}
	if done {
		return s.get(ctx, id)
	}
	params := &stripe.RefundCreateParams{
		Params:        stripe.Params{IdempotencyKey: &key},
		PaymentIntent: &id,
		Amount:        &amount,
		Metadata:      map[string]string{refundKey: key},
	}
	params.AddExpand("payment_intent.latest_charge")
	pi, err := s.call(ctx, func(ctx context.Context) (*stripe.PaymentIntent, error) {
		r, err := s.client.V1Refunds.Create(ctx, params)
		if err != nil {
			return nil, err
		}
		if r.Status == stripe.RefundStatusFailed || r.Status == stripe.RefundStatusCanceled {
			return nil, &RefusedError{Code: refundFailed, Message: string(r.FailureReason)}
		}
		r.PaymentIntent.LastResponse = r.LastResponse
		return r.PaymentIntent, nil
	})
	switch {
	case err != nil:
		return Payment{}, err
	case wasReplayed(pi.LastResponse):
		return s.get(ctx, id)
	}
	return paymentOf(pi), nil
}

// refundPage is the largest page of Stripe's lists; a payment has few refunds.
const refundPage = 100

func (s *Stripe) refundDone(ctx context.Context, id string, amount int64, key string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	params := &stripe.RefundListParams{PaymentIntent: &id}
	params.Limit = stripe.Int64(refundPage)
	for r, err := range s.client.V1Refunds.List(ctx, params).All(ctx) {
		switch {
		case err != nil:
			return false, classify(err)
		case r.Metadata[refundKey] != key || r.Status == stripe.RefundStatusFailed || r.Status == stripe.RefundStatusCanceled:
		case r.Amount != amount:
			return false, &InvalidError{Message: fmt.Sprintf("the key %q was used for a refund of %d", key, r.Amount)}
		default:
			return true, nil
		}
	}
	return false, nil
}

func wasReplayed(r *stripe.APIResponse) bool {
	return r != nil && r.Header.Get(replayed) == "true"
}

// paymentOf reads Stripe's object, whose charge must be expanded. Stripe calls a
// hold that was given back refunded: only what was captured counts here.
func paymentOf(pi *stripe.PaymentIntent) Payment {
	p := Payment{
		ID: pi.ID, Status: statusOf(pi.Status), Amount: pi.Amount,
		Captured: pi.AmountReceived, Currency: upper(pi.Currency), Reason: string(pi.CancellationReason),
	}
	if charge := pi.LatestCharge; charge != nil && charge.Captured {
		p.Captured = max(p.Captured, charge.AmountCaptured)
		p.Refunded = min(charge.AmountRefunded, p.Captured)
	}
	if last := pi.LastPaymentError; last != nil && p.Status == Declined {
		p.Reason = codeOf(last)
	}
	return p
}

func statusOf(s stripe.PaymentIntentStatus) Status {
	switch s {
	case stripe.PaymentIntentStatusRequiresConfirmation:
		return Created
	case stripe.PaymentIntentStatusRequiresPaymentMethod, stripe.PaymentIntentStatusRequiresAction:
		return Declined
	case stripe.PaymentIntentStatusRequiresCapture:
		return Authorized
	case stripe.PaymentIntentStatusSucceeded:
		return Captured
	case stripe.PaymentIntentStatusCanceled:
		return Canceled
	default:
		return Pending
	}
}
