package app

import (
	"context"
	"errors"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/pkg/restore"
	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/order"
	"github.com/murmuration-dev/murmuration/services/order/internal/contract"
	"github.com/murmuration-dev/murmuration/services/order/internal/projection"
)

// restores is how orders are taken over from their records.
func (s *service) restores(deadline time.Duration, source participant.Registry) []restore.Kind {
	topic, _ := schemas.ByName(schemas.Orders)
	return []restore.Kind{&restore.Streams[order.State, order.Observed, order.Event, schemas.Order]{
		Definition: s.orders, RecordTopic: topic.Name, Schema: topic.Schema, Source: source, From: schemas.OrderFromAvro,
		Restore: func(known order.State, said schemas.Order) order.State {
			state := contract.Restore(known, said)
			if state.Deadline == 0 {
				state.Deadline = state.PlacedAt + deadline.Microseconds() // what it was is not told
			}
			return state
		},
		Settle: s.settle,
	}}
}

// settle lets a restored order react, and gives it its place in the list, and its
// deadline if it still waits. What cannot be true at once is parked when it is
// observed again.
func (s *service) settle(_ context.Context, session *aggregate.Session, root *root, meta eventstore.Meta) error {
	if err := s.react(session, root, meta); err != nil && !errors.Is(err, order.ErrImpossible) {
		return err
	}
	session.Unit.Statements = append(session.Unit.Statements, projection.Statement(root.State))
	if root.State.Status == order.StatusPlaced {
		session.Unit.Intents = append(session.Unit.Intents, s.deadline(root, meta))
		return nil
	}
	session.Unit.FinishIntents = append(session.Unit.FinishIntents, deadlineKey(root))
	return nil
}
