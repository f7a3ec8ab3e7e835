package replay

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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

// runner sends one plan.
type runner struct {
	plan     *Plan
	cfg      Config
	client   *client
	progress *Progress

	mu   sync.Mutex
	open map[string]*Order // accepted, and not seen to have ended

	differently, stockedBefore atomic.Int64
}

// placedBefore counts the plan's orders that are there already.
func (r *runner) placedBefore(ctx context.Context) (int, error) {
	if len(r.plan.Orders) == 0 {
		return 0, nil
	}
	there := make(map[string]bool)
	if err := r.pages(ctx, "", func(l listed) { there[l.OrderID] = true }); err != nil {
		return 0, err
	}
	n := 0
	for _, o := range r.plan.Orders {
		if there[o.ID] {
			n++
		}
	}
	r.progress.before.Store(int64(n))
	return n, nil
}

// placeAll places the orders in the plan's order, side by side.
func (r *runner) placeAll(ctx context.Context) error {
	start := time.Now()
	r.progress.firstPlaced.Store(start.UnixMicro())
	indices := make([]int, len(r.plan.Orders))
	for i := range indices {
		indices[i] = i
	}
	return each(ctx, r.cfg.Concurrency, indices, func(ctx context.Context, i int) error {
		if r.cfg.Rate > 0 {
			if err := until(ctx, start.Add(time.Duration(float64(i)/r.cfg.Rate*float64(time.Second)))); err != nil {
				return err
			}
		}
		return r.place(ctx, r.plan.Orders[i])
	})
}

// place places one order, or finds that it was placed before.
func (r *runner) place(ctx context.Context, o *Order) error {
	a, err := r.client.post(ctx, r.client.to.Order.API+"/orders", "replay:"+o.ID, o.body)
	if err != nil {
		return fmt.Errorf("place order %s: %w", o.ID, err)
	}
	switch a.status {
	case http.StatusOK, http.StatusCreated:
	case http.StatusConflict, http.StatusUnprocessableEntity, http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		v, known, err := r.client.order(ctx, o.ID, false)
		if err != nil {
			return err
		}
		if !known || !o.matches(v) {
			if known {
				o.refused = "another order has this number: " + a.detail()
			} else {
				o.refused = a.detail()
			}
			r.progress.placed.Add(1)
			r.progress.ended.Add(1)
			return nil
		}
		if v.PaymentMethod != o.body.PaymentMethod {
			r.differently.Add(1)
		}
	default:
		return fmt.Errorf("place order %s: %s", o.ID, a.detail())
	}
	r.mu.Lock()
	r.open[o.ID] = o
	r.mu.Unlock()
	r.progress.placed.Add(1)
	return nil
}

// matches reports whether the platform's order is this invoice: all but how it
// is paid, which another replay may have assumed differently.
func (o *Order) matches(v view) bool {
	if v.Customer != o.body.Customer || v.Currency != o.body.Currency || len(v.Lines) != len(o.body.Lines) {
		return false
	}
	for i, l := range o.body.Lines {
		if v.Lines[i] != (viewLine{SKU: l.SKU, Quantity: l.Quantity, Amount: l.Amount, Kind: l.Kind}) {
			return false
		}
	}
	return true
}

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

// giveBack makes the returns of an order that has ended, one after the other.
func (r *runner) giveBack(ctx context.Context, o *Order) error {
	for _, b := range o.Returns {
		body := struct {
			ReturnID string       `json:"return_id"`
			Lines    []returnLine `json:"lines"`
			Reason   string       `json:"reason"`
		}{b.ID, b.lines, "cancellation " + b.ID}
		a, err := r.client.post(ctx, r.client.to.Order.API+"/orders/"+url.PathEscape(o.ID)+"/returns", "replay:"+b.ID+":"+o.ID, body)
		if err != nil {
			return fmt.Errorf("return %s to order %s: %w", b.ID, o.ID, err)
		}
		if b.done = a.ok(); !b.done {
			b.refused = a.detail()
		}
		r.progress.returns.Add(1)
	}
	return nil
}

// close learns how each order ended, and waits until nothing is owed to any.
func (r *runner) close(ctx context.Context) error {
	if len(r.plan.Orders) == 0 {
		return nil
	}
	statuses := make(map[string]string)
	if err := r.pages(ctx, "", func(l listed) { statuses[l.OrderID] = l.Status }); err != nil {
		return fmt.Errorf("look at orders: %w", err)
	}
	var unsure []*Order
	for _, o := range r.plan.Orders {
		o.view.Status = statuses[o.ID]
		// COMPLETED is settled already, unless something came back since.
		if o.refused == "" && (o.view.Status != statusCompleted || len(o.Returns) > 0) {
			unsure = append(unsure, o)
		}
	}
	return each(ctx, r.cfg.Concurrency, unsure, r.settle)
}

func (r *runner) settle(ctx context.Context, o *Order) error {
	for start := time.Now(); ; {
		v, known, err := r.client.order(ctx, o.ID, true)
		switch {
		case err != nil:
			return err
		case !known:
			return run.InconsistentError(fmt.Errorf("order %s was accepted, and is not there", o.ID))
		case v.Settled:
			o.view = v
			return nil
		case time.Since(start) > r.cfg.Patience:
			return run.TempFailError(fmt.Errorf("order %s is %s and was not settled within %s", o.ID, v.Status, r.cfg.Patience))
		}
	}
}

// until waits for a moment.
func until(ctx context.Context, moment time.Time) error {
	t := time.NewTimer(time.Until(moment))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
