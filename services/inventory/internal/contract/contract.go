// Package contract translates between the inventory domain and the records that
// services share: what reservations and stock items tell the others, and what is
// read of orders.
package contract

import (
	"context"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/inventory"
)

// The kinds of streams. Reservations sort before stock items, which is the order
// in which both are locked.
const (
	KindReservation = "reservation"
	KindStock       = "stock"
)

// Reservations is the stored and published form of a reservation.
type Reservations = aggregate.Definition[inventory.State, inventory.Observed, inventory.Event]

// Nothing is what a stock item observes of others.
type Nothing struct{}

// Stock is the stored and published form of a stock item.
type Stock = aggregate.Definition[inventory.StockState, Nothing, inventory.StockEvent]

var envelope = aggregate.Envelope{Source: "/services/inventory", TypePrefix: "com.murmuration.inventory."}

// Contract is everything that the service says and reads.
type Contract struct {
	Reservations *Reservations
	Stock        *Stock
	Readers      participant.Readers
}

// New returns the definitions, with their schemas registered, and the decoder of
// what the service observes.
func New(ctx context.Context, registry participant.Registry) (*Contract, error) {
	reservations, err := newReservations(ctx, registry)
	if err != nil {
		return nil, err
	}
	stock, err := newStock(ctx, registry)
	if err != nil {
		return nil, err
	}
	c := &Contract{Reservations: reservations, Stock: stock, Readers: participant.Readers{}}
	orders, _ := schemas.ByName(schemas.Orders)
	return c, participant.Read(c.Readers, registry, orders.Name, orders.Schema, "order_id", order)
}

func newReservations(ctx context.Context, registry participant.Registry) (*Reservations, error) {
	topic, _ := schemas.ByName(schemas.Reservations)
	writer, err := participant.NewWriter(ctx, registry, topic.Name, topic.Subject, topic.Schema, envelope)
	if err != nil {
		return nil, err
	}
	return &Reservations{
		Kind:   KindReservation,
		Evolve: inventory.Evolve,
		Encode: inventory.EncodeEvent,
		Decode: inventory.DecodeEvent,
		Show:   func(t aggregate.Transition[inventory.State]) any { return reservation(t) },
		Publish: func(t aggregate.Transition[inventory.State]) (*eventstore.Record, error) {
			return writer.Record(t.Stream, t.Version, t.After.LastEvent, t.Meta, reservation(t).Avro())
		},
	}, nil
}

func newStock(ctx context.Context, registry participant.Registry) (*Stock, error) {
	topic, _ := schemas.ByName(schemas.StockLevels)
	writer, err := participant.NewWriter(ctx, registry, topic.Name, topic.Subject, topic.Schema, envelope)
	if err != nil {
		return nil, err
	}
	return &Stock{
		Kind:   KindStock,
		Evolve: inventory.EvolveStock,
		Encode: inventory.EncodeStockEvent,
		Decode: inventory.DecodeStockEvent,
		Show:   func(t aggregate.Transition[inventory.StockState]) any { return stock(t) },
		Publish: func(t aggregate.Transition[inventory.StockState]) (*eventstore.Record, error) {
			return writer.Record(t.Stream, t.Version, t.After.LastEvent, t.Meta, stock(t).Avro())
		},
	}, nil
}

// reservation is the full public state of a reservation.
func reservation(t aggregate.Transition[inventory.State]) schemas.Reservation {
	s := t.After
	out := schemas.Reservation{
		OrderID: s.OrderID, Version: t.Version, Event: s.LastEvent, Status: schemas.ReservationStatus(s.Status),
		Lines: make([]schemas.ReservedLine, len(s.Lines)), Shortages: make([]schemas.Shortage, len(s.Shortages)),
		Reason: s.Reason, UpdatedAt: time.UnixMicro(s.UpdatedAt).UTC(),
	}
	for i, l := range s.Lines {
		out.Lines[i] = schemas.ReservedLine{Line: int(l.Line), SKU: l.SKU, Quantity: l.Quantity, Restocked: l.Restocked}
	}
	for i, short := range s.Shortages {
		out.Shortages[i] = schemas.Shortage(short)
	}
	return out
}

// stock is the full public state of a stock item.
func stock(t aggregate.Transition[inventory.StockState]) schemas.Stock {
	s := t.After
	return schemas.Stock{
		SKU: s.SKU, Version: t.Version, Event: s.LastEvent, OnHand: s.OnHand, Reserved: s.Reserved, Available: s.Available(),
		Received: s.Received, Committed: s.Committed, Restocked: s.Restocked, WrittenOff: s.WrittenOff,
		UpdatedAt: time.UnixMicro(s.UpdatedAt).UTC(),
	}
}

// order is what matters to a reservation of an order's record: its lines that
// have stock behind them.
func order(native map[string]any) (inventory.Order, error) {
	o, err := schemas.OrderFromAvro(native)
	out := inventory.Order{OrderID: o.OrderID, Version: o.Version, Status: inventory.OrderStatus(o.Status)}
	for _, l := range o.Lines {
		if l.Kind == schemas.LineGoods {
			out.Lines = append(out.Lines, inventory.OrderLine{Line: int32(l.Line), SKU: l.SKU, Quantity: l.Quantity, Returned: l.Returned})
		}
	}
	return out, err
}
