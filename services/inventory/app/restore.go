package app

import (
	"context"
	"fmt"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/pkg/restore"
	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/inventory"
	"github.com/murmuration-dev/murmuration/services/inventory/internal/contract"
)

// restorePage bounds one read of streams.
const restorePage = 500

// restores is how reservations and stock items are taken over from their records.
func (s *service) restores(source participant.Registry) []restore.Kind {
	reservations, _ := schemas.ByName(schemas.Reservations)
	stock, _ := schemas.ByName(schemas.StockLevels)
	return []restore.Kind{
		&restore.Streams[inventory.State, inventory.Observed, inventory.Event, schemas.Reservation]{
			Definition: s.contract.Reservations, RecordTopic: reservations.Name, Schema: reservations.Schema, Source: source,
			From: schemas.ReservationFromAvro, Restore: contract.RestoreReservation,
		},
		&restore.Streams[inventory.StockState, contract.Nothing, inventory.StockEvent, schemas.Stock]{
			Definition: s.contract.Stock, RecordTopic: stock.Name, Schema: stock.Schema, Source: source,
			From: schemas.StockFromAvro, Restore: contract.RestoreStock, Mend: s.mendStock,
		},
	}
}

// mendStock makes stock what the reservations say. A commit that moved stock for a
// reservation wrote a record of each, and the log can have the one without the
// other: where the database was lost between two batches.
func (s *service) mendStock(ctx context.Context, store eventstore.Store, meta eventstore.Meta) ([]string, error) {
	moved, err := s.movedStock(ctx, store)
	if err != nil {
		return nil, err
	}
	var mended []string
	for after := ""; ; {
		rows, err := store.Streams(ctx, contract.KindStock, after, restorePage)
		if err != nil {
			return mended, err
		}
		for _, row := range rows {
			after = row.ID.ID
			item, err := s.contract.Stock.Root(row)
			if err != nil {
				return mended, err
			}
			right := inventory.Account(item.State, moved[row.ID.ID], meta.At)
			if right.Same(item.State) {
				continue
			}
			if err := s.replaceStock(ctx, store, row.ID.ID, right, meta); err != nil {
				return mended, err
			}
			mended = append(mended, describeMended(item.State, right))
		}
		if len(rows) < restorePage {
			return mended, nil
		}
	}
}

func describeMended(was, is inventory.StockState) string {
	text := fmt.Sprintf("stock %s: reserved %d, committed %d, restocked %d as its reservations say, not %d, %d, %d",
		is.SKU, is.Reserved, is.Committed, is.Restocked, was.Reserved, was.Committed, was.Restocked)
	if is.Received != was.Received {
		text += fmt.Sprintf("; at least %d must have been received, not %d: a receipt was lost", is.Received, was.Received)
	}
	return text
}

// movedStock adds up what all reservations have moved, by SKU.
func (s *service) movedStock(ctx context.Context, store eventstore.Store) (map[string]inventory.Moved, error) {
	moved := make(map[string]inventory.Moved)
	for after := ""; ; {
		rows, err := store.Streams(ctx, contract.KindReservation, after, restorePage)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			after = row.ID.ID
			reservation, err := s.contract.Reservations.Root(row)
			if err != nil {
				return nil, err
			}
			for sku, m := range reservation.State.Moved() {
				moved[sku] = moved[sku].Plus(m)
			}
		}
		if len(rows) < restorePage {
			return moved, nil
		}
	}
}

func (s *service) replaceStock(ctx context.Context, store eventstore.Store, sku string, right inventory.StockState, meta eventstore.Meta) error {
	return aggregate.Do(ctx, store, func(session *aggregate.Session) error {
		item, err := s.contract.Stock.LoadOne(ctx, session, sku)
		if err != nil {
			return err
		}
		return item.Adopt(meta, aggregate.Adoption[inventory.StockState]{State: right, Version: item.Version + 1})
	})
}
