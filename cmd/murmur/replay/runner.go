package replay

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/run"
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
