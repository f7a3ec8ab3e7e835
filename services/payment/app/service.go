package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/decider"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/inbox"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/services/payment"
	"github.com/murmuration-dev/murmuration/services/payment/internal/contract"
	"github.com/murmuration-dev/murmuration/services/payment/internal/gateway"
)

type root = aggregate.Root[payment.State, payment.Observed, payment.Event]

var paymentDecider = decider.Decider[payment.State, payment.Command, payment.Event]{Decide: payment.Decide, Evolve: payment.Evolve}

// service is the payment service's behaviour: what it does with records of
// orders, and with what the gateway answers.
type service struct {
	payments *contract.Payments
	gateway  gateway.Gateway
	platform *participant.Platform
	now      func() time.Time
}

// Handle implements inbox.Handler: it remembers what orders say and lets their
// payments react.
func (s *service) Handle(ctx context.Context, tx eventstore.Tx, unit *eventstore.Unit, records []inbox.Record) error {
	return participant.HandleEach(ctx, tx, unit, s.payments, records, func(session *aggregate.Session, root *root, r inbox.Record) error {
		return s.observe(ctx, session, root, r)
	})
}

func (s *service) observe(ctx context.Context, session *aggregate.Session, root *root, r inbox.Record) error {
	seen, ok := r.Decoded.(payment.Order)
	if !ok {
		return inbox.Permanent(fmt.Errorf("nothing reacts to a %T", r.Decoded))
	}
	observed, news := root.Observed.WithOrder(seen)
	if !news {
		return nil
	}
	meta, span := participant.Cause(ctx, s.platform.Tracer, r, s.now())
	defer span.End()
	root.Observe(observed)
	err := s.react(session, root, meta)
	if errors.Is(err, payment.ErrImpossible) || errors.Is(err, payment.ErrInvalid) {
		return inbox.Permanent(err)
	}
	return err
}

// react lets a payment do what follows from what it has seen.
func (s *service) react(session *aggregate.Session, root *root, meta eventstore.Meta) error {
	_, events, err := paymentDecider.Settle(root.State, func(state payment.State) (payment.Command, bool) {
		c := payment.Stamp(payment.React(state, root.Observed), meta.At)
		return c, c != nil
	})
	if err != nil {
		return err
	}
	return s.append(session, root, meta, events...)
}

// append adds events, and keeps the intents in step with the one gateway command
// that is in flight: in the same unit, so that neither can be without the other.
func (s *service) append(session *aggregate.Session, root *root, meta eventstore.Meta, events ...payment.Event) error {
	if len(events) == 0 {
		return nil
	}
	before, had := root.State.Pending()
	if err := root.Apply(meta, events...); err != nil {
		return err
	}
	after, has := root.State.Pending()
	if had && (!has || after.Key != before.Key) {
		session.Unit.FinishIntents = append(session.Unit.FinishIntents, before.Key)
	}
	if has && (!had || after.Key != before.Key) {
		session.Unit.Intents = append(session.Unit.Intents, eventstore.Intent{
			Key: after.Key, Kind: intentKind(after.Kind), Stream: s.payments.StreamID(root.ID), Due: meta.At, Meta: meta,
		})
	}
	return nil
}
