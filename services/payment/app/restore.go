package app

import (
	"context"
	"errors"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/pkg/restore"
	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/payment"
	"github.com/murmuration-dev/murmuration/services/payment/internal/contract"
)

// restores is how payments are taken over from their records.
func (s *service) restores(source participant.Registry) []restore.Kind {
	topic, _ := schemas.ByName(schemas.Payments)
	return []restore.Kind{&restore.Streams[payment.State, payment.Observed, payment.Event, schemas.Payment]{
		Definition: s.payments, RecordTopic: topic.Name, Schema: topic.Schema, Source: source, From: schemas.PaymentFromAvro,
		Restore: contract.Restore,
		// What was observed while a command was in flight waited for its outcome,
		// which the record tells: so the payment reacts now. What cannot be true at
		// once is parked when it is observed again.
		Settle: func(_ context.Context, session *aggregate.Session, root *root, meta eventstore.Meta) error {
			err := s.react(session, root, meta)
			if errors.Is(err, payment.ErrImpossible) || errors.Is(err, payment.ErrInvalid) {
				return nil
			}
			return err
		},
	}}
}
