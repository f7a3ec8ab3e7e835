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
	"github.com/murmuration-dev/murmuration/services/order"
	"github.com/murmuration-dev/murmuration/services/order/internal/contract"
	"github.com/murmuration-dev/murmuration/services/order/internal/projection"
)

// kindExpire is the deadline of an order.
const kindExpire = "expire"

type root = aggregate.Root[order.State, order.Observed, order.Event]

var orderDecider = decider.Decider[order.State, order.Command, order.Event]{Decide: order.Decide, Evolve: order.Evolve}

// service is the order service's behaviour: what it does with records, with
// deadlines, and what each decision adds to its unit of work.
type service struct {
	orders   *contract.Orders
	platform *participant.Platform
	now      func() time.Time
}

// Handle implements inbox.Handler: it remembers what payments and reservations
// say and lets the orders react.
func (s *service) Handle(ctx context.Context, tx eventstore.Tx, unit *eventstore.Unit, records []inbox.Record) error {
	return participant.HandleEach(ctx, tx, unit, s.orders, records, func(session *aggregate.Session, root *root, r inbox.Record) error {
		return s.observe(ctx, session, root, r)
	})
}

func (s *service) observe(ctx context.Context, session *aggregate.Session, root *root, r inbox.Record) error {
	var seen order.Observed
	var news bool
	switch o := r.Decoded.(type) {
	case order.Payment:
		seen, news = root.Observed.WithPayment(o)
	case order.Reservation:
		seen, news = root.Observed.WithReservation(o)
	default:
		return inbox.Permanent(fmt.Errorf("nothing reacts to a %T", o))
	}
	if !news {
		return nil
	}
	meta, span := participant.Cause(ctx, s.platform.Tracer, r, s.now())
	defer span.End()
	root.Observe(seen)
	err := s.react(session, root, meta)
	if errors.Is(err, order.ErrImpossible) {
		return inbox.Permanent(err)
	}
	return err
}

// react lets an order do what follows from what it has seen.
func (s *service) react(session *aggregate.Session, root *root, meta eventstore.Meta) error {
	_, events, err := orderDecider.Settle(root.State, func(state order.State) (order.Command, bool) {
		c := order.Stamp(order.React(state, root.Observed), meta.At)
		return c, c != nil
	})
	if err != nil {
		return err
	}
	return s.append(session, root, meta, events...)
}

// append adds what an order's events ask of the unit: a placed order gets its
// deadline, one that leaves PLACED loses it.
func (s *service) append(session *aggregate.Session, root *root, meta eventstore.Meta, events ...order.Event) error {
	if len(events) == 0 {
		return nil
	}
	waited := root.State.Status == order.StatusPlaced
	if err := root.Apply(meta, events...); err != nil {
		return err
	}
	waits := root.State.Status == order.StatusPlaced
	switch {
	case waits && !waited:
		session.Unit.Intents = append(session.Unit.Intents, s.deadline(root, meta))
	case waited && !waits:
		session.Unit.FinishIntents = append(session.Unit.FinishIntents, deadlineKey(root))
	}
	session.Unit.Statements = append(session.Unit.Statements, projection.Statement(root.State))
	return nil
}

func deadlineKey(root *root) string { return root.ID + "/expire" }

// deadline is the intent that ends an order which waits for too long.
func (s *service) deadline(root *root, meta eventstore.Meta) eventstore.Intent {
	return eventstore.Intent{
		Key: deadlineKey(root), Kind: kindExpire, Stream: s.orders.StreamID(root.ID), Due: root.State.Deadline, Meta: meta,
	}
}

// expire executes a deadline: an order that still waits is cancelled.
func (s *service) expire(ctx context.Context, in eventstore.Intent) error {
	return aggregate.Run(ctx, s.platform.Commands, s.orders, in.Stream.ID, func(session *aggregate.Session, root *root) error {
		meta := in.Meta
		meta.At, meta.Causation = s.now().UnixMicro(), "intent/"+in.Key
		_, events, err := orderDecider.Handle(root.State, order.Expire{At: meta.At})
		if err != nil {
			return err
		}
		session.Unit.FinishIntents = append(session.Unit.FinishIntents, in.Key)
		return s.append(session, root, meta, events...)
	})
}
