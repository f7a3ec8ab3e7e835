package replay

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/run"
)

const (
	// watchPause is between two looks at what is in flight: short beside a replay,
	// and long beside what a look costs.
	watchPause = 50 * time.Millisecond
	// watchShare bounds the time spent on looking when much is in flight.
	watchShare = 4
)

// watch sees orders end until all have, and hands on those with returns. It asks
// for what is in flight, which is little, and not for each order.
func (r *runner) watch(ctx context.Context, placed <-chan struct{}, returning chan<- *Order) error {
	moved := time.Now()
	for {
		last := isClosed(placed)
		before := r.accepted()
		began := time.Now()
		flying, err := r.inFlight(ctx)
		if err != nil {
			return fmt.Errorf("look at orders in flight: %w", err)
		}
		for _, o := range before {
			if flying[o.ID] {
				continue
			}
			r.end(o)
			moved = time.Now()
			if len(o.Returns) > 0 {
				returning <- o
			}
		}
		switch left := r.accepted(); {
		case len(left) == 0 && last:
			return nil
		case len(left) == 0:
			moved = time.Now()
		case time.Since(moved) > r.cfg.Patience:
			return run.TempFailError(fmt.Errorf("%d orders, such as %s, were accepted and none of them ended within %s", len(left), left[0].ID, r.cfg.Patience))
		}
		pause := max(watchPause, watchShare*time.Since(began))
		if err := until(ctx, time.Now().Add(pause)); err != nil {
			return err
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// accepted are the orders in flight as far as is known.
func (r *runner) accepted() []*Order {
	r.mu.Lock()
	defer r.mu.Unlock()
	orders := make([]*Order, 0, len(r.open))
	for _, o := range r.open {
		orders = append(orders, o)
	}
	return orders
}

func (r *runner) end(o *Order) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, o.ID)
	r.progress.ended.Add(1)
}

// inFlight asks for the orders that are PLACED and then for those CONFIRMED: an
// order moves that way only, so one that is in neither answer has ended.
func (r *runner) inFlight(ctx context.Context) (map[string]bool, error) {
	flying := make(map[string]bool)
	for _, status := range []string{statusPlaced, statusConfirmed} {
		err := r.pages(ctx, status, func(l listed) { flying[l.OrderID] = true })
		if err != nil {
			return nil, err
		}
	}
	return flying, nil
}

// pages lists all orders within the plan's range of ids.
func (r *runner) pages(ctx context.Context, status string, f func(listed)) error {
	first, last, digits := r.span()
	after := first[:len(first)-1] // sorts right before everything that begins with it
	for {
		page, err := r.client.list(ctx, status, after)
		if err != nil {
			return err
		}
		for _, l := range page {
			f(l)
		}
		if len(page) < pageSize {
			return nil
		}
		// Databases sort letters in ways of their own, and digits all alike.
		if after = page[len(page)-1].OrderID; digits && after > last {
			return nil
		}
	}
}

// span is the least and the greatest order id, and whether all are digits. The
// plan has orders.
func (r *runner) span() (first, last string, digits bool) {
	byID := func(a, b *Order) int { return strings.Compare(a.ID, b.ID) }
	letters := slices.ContainsFunc(r.plan.Orders, func(o *Order) bool { return strings.Trim(o.ID, "0123456789") != "" })
	return slices.MinFunc(r.plan.Orders, byID).ID, slices.MaxFunc(r.plan.Orders, byID).ID, !letters
}
