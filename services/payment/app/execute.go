package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/intent"
	"github.com/murmuration-dev/murmuration/pkg/telemetry"
	"github.com/murmuration-dev/murmuration/services/payment"
	"github.com/murmuration-dev/murmuration/services/payment/internal/gateway"
)

// execute asks the gateway what an intent wants, and commits the answer together
// with what follows from it. The command is taken from the payment's state, not
// from the intent: one that the payment no longer waits for is only finished.
func (s *service) execute(ctx context.Context, in eventstore.Intent) error {
	ctx, span := s.platform.Tracer.Start(telemetry.Extract(ctx, in.Meta.Traceparent), "gateway "+in.Kind)
	defer span.End()
	seen, err := s.payments.Read(ctx, s.platform.Store, in.Stream.ID)
	if err != nil {
		return err
	}
	var outcome payment.Command
	if command, pending := seen.State.Pending(); pending && command.Key == in.Key {
		if outcome, err = s.ask(ctx, command); err != nil {
			return err
		}
		if declined, ok := outcome.(payment.RecordDeclined); ok {
			declined.Kind = command.Kind // a late refusal of another command is none of this one
			outcome = declined
		}
	}
	err = aggregate.Run(ctx, s.platform.Commands, s.payments, in.Stream.ID, func(session *aggregate.Session, root *root) error {
		return s.record(ctx, session, root, in, outcome)
	})
	if errors.Is(err, payment.ErrImpossible) {
		return intent.Permanent(err)
	}
	return err
}

// record commits an outcome, if there is one, and the end of its intent.
func (s *service) record(ctx context.Context, session *aggregate.Session, root *root, in eventstore.Intent, outcome payment.Command) error {
	session.Unit.FinishIntents = append(session.Unit.FinishIntents, in.Key)
	if outcome == nil {
		return nil
	}
	meta := in.Meta
	meta.At, meta.Causation, meta.Traceparent = s.now().UnixMicro(), "intent/"+in.Key, telemetry.Inject(ctx)
	_, events, err := paymentDecider.Handle(root.State, payment.Stamp(outcome, meta.At))
	if err != nil {
		return err
	}
	if err := s.append(session, root, meta, events...); err != nil {
		return err
	}
	return s.react(session, root, meta)
}

// ask carries one command out at the gateway. An error means that the outcome is
// unknown, or that a person is needed (intent.Permanent); a refusal is an outcome.
func (s *service) ask(ctx context.Context, c payment.GatewayCommand) (payment.Command, error) {
	switch c.Kind {
	case payment.KindCreate:
		p, err := s.gateway.Create(ctx, gateway.CreateRequest{
			IdempotencyKey: c.Key, OrderID: c.OrderID, Amount: c.Amount, Currency: c.Currency, PaymentMethod: c.Method,
		})
		return answer(p, err, payment.RecordOpened{GatewayID: p.ID}, true)
	case payment.KindConfirm:
		p, err := s.gateway.Confirm(ctx, c.GatewayID, c.Key)
		if err == nil && p.Status == gateway.Declined {
			return payment.RecordDeclined{Reason: p.Reason}, nil
		}
		if err == nil && p.Status != gateway.Authorized {
			return nil, fmt.Errorf("confirm %s: gateway says %s: %w", c.GatewayID, p.Status, gateway.ErrUnavailable)
		}
		return answer(p, err, payment.RecordAuthorized{}, true)
	case payment.KindCapture:
		p, err := s.gateway.Capture(ctx, c.GatewayID, c.Key)
		var refused *gateway.RefusedError
		if errors.As(err, &refused) {
			return payment.RecordCaptureRefused{Reason: refused.Code}, nil
		}
		return answer(p, err, payment.RecordCaptured{}, false)
	case payment.KindVoid:
		p, err := s.gateway.Cancel(ctx, c.GatewayID, c.Key)
		return answer(p, err, payment.RecordVoided{}, false)
	case payment.KindRefund:
		p, err := s.gateway.Refund(ctx, c.GatewayID, c.Amount, c.Key)
		return answer(p, err, payment.RecordRefunded{To: c.To}, false)
	case payment.KindNone:
	}
	return nil, intent.Permanent(fmt.Errorf("gateway command %q is unknown", c.Kind))
}

// answer judges what the gateway said. While nothing is held yet, a request that
// it will never accept (an unknown card token, an amount below its minimum) is the
// customer's to mend: the payment is declined. Later it needs a person. Wrong
// credentials are nobody's payment's fault: they are tried again.
func answer(_ gateway.Payment, err error, done payment.Command, mayDecline bool) (payment.Command, error) {
	var refused *gateway.RefusedError
	var invalid *gateway.InvalidError
	switch {
	case err == nil:
		return done, nil
	case errors.As(err, &refused) && mayDecline:
		return payment.RecordDeclined{Reason: refused.Code}, nil
	case errors.As(err, &refused):
		return nil, intent.Permanent(err)
	case errors.As(err, &invalid):
		switch invalid.HTTPStatus {
		case http.StatusUnauthorized, http.StatusForbidden:
			return nil, err
		}
		if mayDecline && invalid.HTTPStatus != 0 {
			return payment.RecordDeclined{Reason: invalid.Code}, nil
		}
		return nil, intent.Permanent(err)
	}
	return nil, err
}
