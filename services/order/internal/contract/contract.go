// Package contract translates between the order domain and the records that
// services share: what an order tells the others, and what it reads of them.
package contract

import (
	"context"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/order"
)

// Kind is the kind of an order's stream.
const Kind = "order"

// Orders is the stored and published form of an order.
type Orders = aggregate.Definition[order.State, order.Observed, order.Event]

// New returns the definition of the order aggregate, with its schema registered,
// and the decoder of what it observes.
func New(ctx context.Context, registry participant.Registry) (*Orders, participant.Readers, error) {
	topic, _ := schemas.ByName(schemas.Orders)
	writer, err := participant.NewWriter(ctx, registry, topic.Name, topic.Subject, topic.Schema,
		aggregate.Envelope{Source: "/services/order", TypePrefix: "com.murmuration.order."})
	if err != nil {
		return nil, nil, err
	}
	orders := &Orders{
		Kind:   Kind,
		Evolve: order.Evolve,
		Encode: order.EncodeEvent,
		Decode: order.DecodeEvent,
		Show:   func(t aggregate.Transition[order.State]) any { return public(t) },
		Publish: func(t aggregate.Transition[order.State]) (*eventstore.Record, error) {
			return writer.Record(t.Stream, t.Version, t.After.LastEvent, t.Meta, public(t).Avro())
		},
	}
	readers := participant.Readers{}
	payments, _ := schemas.ByName(schemas.Payments)
	if err := participant.Read(readers, registry, payments.Name, payments.Schema, "order_id", payment); err != nil {
		return nil, nil, err
	}
	reservations, _ := schemas.ByName(schemas.Reservations)
	return orders, readers, participant.Read(readers, registry, reservations.Name, reservations.Schema, "order_id", reservation)
}

// public is the full public state of an order.
func public(t aggregate.Transition[order.State]) schemas.Order {
	s := t.After
	lines := make([]schemas.OrderLine, len(s.Lines))
	for i, l := range s.Lines {
		lines[i] = schemas.OrderLine{
			Line: int(l.Line), SKU: l.SKU, Description: l.Description, Quantity: l.Quantity,
			Amount: l.Amount, Kind: schemas.LineKind(l.Kind), Returned: l.Returned,
		}
	}
	return schemas.Order{
		OrderID: s.OrderID, Version: t.Version, Event: s.LastEvent, Status: schemas.OrderStatus(s.Status),
		Customer: s.Customer, Currency: s.Currency, PaymentMethod: s.PaymentMethod, Total: s.Total, Lines: lines,
		RefundDue: s.RefundDue, Reason: reason(s), PlacedAt: time.UnixMicro(s.PlacedAt).UTC(), UpdatedAt: time.UnixMicro(s.UpdatedAt).UTC(),
	}
}

// reason is why an order was cancelled, in words.
func reason(s order.State) string {
	if s.CancelDetail == "" {
		return string(s.CancelReason)
	}
	return string(s.CancelReason) + ": " + s.CancelDetail
}

// payment is what matters to an order of a payment's record.
func payment(native map[string]any) (order.Payment, error) {
	p, err := schemas.PaymentFromAvro(native)
	return order.Payment{
		Version: p.Version, Status: order.PaymentStatus(p.Status), Captured: p.Captured, Refunded: p.Refunded, Reason: p.Reason,
	}, err
}

// reservation is what matters to an order of a reservation's record.
func reservation(native map[string]any) (order.Reservation, error) {
	r, err := schemas.ReservationFromAvro(native)
	out := order.Reservation{Version: r.Version, Status: order.ReservationStatus(r.Status), Reason: r.Reason}
	for _, l := range r.Lines {
		out.Restocked += l.Restocked
	}
	return out, err
}
