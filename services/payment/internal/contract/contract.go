// Package contract translates between the payment domain and the records that
// services share: what a payment tells the others, and what it reads of orders.
package contract

import (
	"context"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/payment"
)

// Kind is the kind of a payment's stream.
const Kind = "payment"

// Payments is the stored and published form of a payment.
type Payments = aggregate.Definition[payment.State, payment.Observed, payment.Event]

// New returns the definition of the payment aggregate, with its schema
// registered, and the decoder of what it observes.
func New(ctx context.Context, registry participant.Registry) (*Payments, participant.Readers, error) {
	topic, _ := schemas.ByName(schemas.Payments)
	writer, err := participant.NewWriter(ctx, registry, topic.Name, topic.Subject, topic.Schema,
		aggregate.Envelope{Source: "/services/payment", TypePrefix: "com.murmuration.payment."})
	if err != nil {
		return nil, nil, err
	}
	payments := &Payments{
		Kind:   Kind,
		Evolve: payment.Evolve,
		Encode: payment.EncodeEvent,
		Decode: payment.DecodeEvent,
		Show:   func(t aggregate.Transition[payment.State]) any { return public(t) },
		Publish: func(t aggregate.Transition[payment.State]) (*eventstore.Record, error) {
			if !news(t.Before, t.After) {
				return nil, nil
			}
			return writer.Record(t.Stream, t.Version, t.After.LastEvent, t.Meta, public(t).Avro())
		},
	}
	readers := participant.Readers{}
	orders, _ := schemas.ByName(schemas.Orders)
	return payments, readers, participant.Read(readers, registry, orders.Name, orders.Schema, "order_id", order)
}

// news tells whether others may see any difference: what only the gateway and
// this service know leaves a gap in the versions.
func news(before, after payment.State) bool {
	_, shown := after.Public()
	return shown && (before.Status != after.Status || before.Refunded != after.Refunded ||
		before.UpdatedAt != after.UpdatedAt || before.LastEvent != after.LastEvent)
}

// public is the full public state of a payment.
func public(t aggregate.Transition[payment.State]) schemas.Payment {
	s := t.After
	status, _ := s.Public()
	return schemas.Payment{
		OrderID: s.OrderID, Version: t.Version, Event: s.LastEvent, Status: schemas.PaymentStatus(status),
		Currency: s.Currency, Amount: s.Amount, Captured: s.Captured, Refunded: s.Refunded, Reason: s.Reason,
		GatewayPaymentID: s.GatewayID, UpdatedAt: time.UnixMicro(s.UpdatedAt).UTC(),
	}
}

// order is what matters to a payment of an order's record.
func order(native map[string]any) (payment.Order, error) {
	o, err := schemas.OrderFromAvro(native)
	return payment.Order{
		OrderID: o.OrderID, Version: o.Version, Status: payment.OrderStatus(o.Status), Total: o.Total,
		Currency: o.Currency, Method: o.PaymentMethod, RefundDue: o.RefundDue,
	}, err
}
