package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/decider"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/inbox"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/services/inventory"
	"github.com/murmuration-dev/murmuration/services/inventory/internal/contract"
)

type (
	reservation = aggregate.Root[inventory.State, inventory.Observed, inventory.Event]
	stockItem   = aggregate.Root[inventory.StockState, contract.Nothing, inventory.StockEvent]
)

var reservationDecider = decider.Decider[inventory.State, inventory.Command, inventory.Event]{
	Decide: inventory.Decide, Evolve: inventory.Evolve,
}

// service is the inventory service's behaviour: what it does with records of
// orders. A reservation and all the stock that it moves change in one unit.
type service struct {
	contract *contract.Contract
	platform *participant.Platform
	now      func() time.Time
}

// Handle implements inbox.Handler. Locks are taken in one order over the whole
// batch: all reservations first, then all stock items that any of them may touch.
func (s *service) Handle(ctx context.Context, tx eventstore.Tx, unit *eventstore.Unit, records []inbox.Record) error {
	session := aggregate.Join(tx, unit)
	ids := make([]string, len(records))
	for i, r := range records {
		ids[i] = string(r.Key)
	}
	roots, err := s.contract.Reservations.Load(ctx, session, ids...)
	if err != nil {
		return err
	}
	stock, err := s.lockStock(ctx, session, roots, records)
	if err != nil {
		return err
	}
	for i, r := range records {
		if err := s.observe(ctx, roots[i], stock, r); err != nil {
			return &inbox.RecordError{Index: i, Err: err}
		}
	}
	return session.Flush()
}

// lockStock loads every stock item that the batch may touch.
func (s *service) lockStock(ctx context.Context, session *aggregate.Session, roots []*reservation, records []inbox.Record) (map[string]*stockItem, error) {
	wanted := make(map[string]bool)
	met := make(map[string]bool, len(records))
	for i, r := range records {
		seen, ok := r.Decoded.(inventory.Order)
		if !ok {
			continue
		}
		observed, news := roots[i].Observed.WithOrder(seen)
		if !news {
			continue
		}
		if met[seen.OrderID] {
			// A second record of one order meets a state that the first one has
			// still to make: take whatever the order could move.
			for _, l := range seen.Lines {
				wanted[l.SKU] = true
			}
			for _, l := range roots[i].State.Lines {
				wanted[l.SKU] = true
			}
		}
		met[seen.OrderID] = true
		for _, sku := range inventory.SKUs(roots[i].State, inventory.React(roots[i].State, observed)) {
			wanted[sku] = true
		}
	}
	skus := slices.Sorted(maps.Keys(wanted))
	items, err := s.contract.Stock.Load(ctx, session, skus...)
	if err != nil {
		return nil, err
	}
	stock := make(map[string]*stockItem, len(items))
	for i, item := range items {
		stock[skus[i]] = item
	}
	return stock, nil
}

func (s *service) observe(ctx context.Context, root *reservation, stock map[string]*stockItem, r inbox.Record) error {
	seen, ok := r.Decoded.(inventory.Order)
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
	err := react(root, stock, meta)
	if errors.Is(err, inventory.ErrImpossible) || errors.Is(err, inventory.ErrInvalid) {
		return inbox.Permanent(err)
	}
	return err
}

// react lets a reservation do what follows from what it has seen, and moves the
// stock behind it.
func react(root *reservation, stock map[string]*stockItem, meta eventstore.Meta) error {
	before := root.State
	_, events, err := reservationDecider.Settle(before, func(state inventory.State) (inventory.Command, bool) {
		c := inventory.Stamp(inventory.React(state, root.Observed), meta.At)
		return inventory.WithAvailable(c, available(stock, inventory.SKUs(state, c))), c != nil
	})
	if err != nil || len(events) == 0 {
		return err
	}
	for _, effect := range inventory.StockEffects(before, events) {
		item := stock[effect.SKU]
		if item == nil {
			return fmt.Errorf("reservation %s moves %s, which was not locked", root.ID, effect.SKU)
		}
		moved, err := inventory.DecideStock(item.State, effect.Command)
		if err != nil {
			return err
		}
		if err := item.Apply(meta, moved...); err != nil {
			return err
		}
	}
	return root.Apply(meta, events...)
}

func available(stock map[string]*stockItem, skus []string) []inventory.Availability {
	out := make([]inventory.Availability, 0, len(skus))
	for _, sku := range skus {
		if item := stock[sku]; item != nil {
			out = append(out, inventory.Availability{SKU: sku, Available: item.State.Available()})
		}
	}
	return out
}
