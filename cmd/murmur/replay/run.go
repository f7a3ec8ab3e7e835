package replay

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
)

// Config is how a plan is sent. The zero value of a field takes its default.
type Config struct {
	// Concurrency is how many requests are open at once; default 32.
	Concurrency int
	// Rate is orders a second; 0: as fast as they are accepted.
	Rate float64
	// Patience is how long the platform may be unable to answer a request, or to
	// settle any order; default 2 minutes.
	Patience time.Duration
}

// The defaults of Config.
const (
	DefaultConcurrency = 32
	DefaultPatience    = 2 * time.Minute
)

func (c Config) withDefaults() Config {
	if c.Concurrency <= 0 {
		c.Concurrency = DefaultConcurrency
	}
	if c.Patience <= 0 {
		c.Patience = DefaultPatience
	}
	return c
}

// Run sends a plan to a platform, waits until all of its orders are settled, and
// reports what became of each line. A plan can be run once; to run it again, make
// it again. Errors: the platform did not answer within the patience
// (run.ExitTempFail; the same replay goes on where it was), the report does not
// add up, ctx is over.
func Run(ctx context.Context, to embedded.Addresses, p *Plan, cfg Config, progress *Progress) (*Report, error) {
	cfg = cfg.withDefaults()
	if progress == nil {
		progress = &Progress{}
	}
	r := &runner{plan: p, cfg: cfg, progress: progress, client: newClient(to, cfg, progress), open: make(map[string]*Order)}
	defer r.client.close()
	start := time.Now()
	progress.itemsAll.Store(int64(len(p.Items)))
	progress.ordersAll.Store(int64(len(p.Orders)))
	for _, o := range p.Orders {
		progress.returnsAll.Add(int64(len(o.Returns)))
	}
	before, err := r.placedBefore(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for orders of an earlier run: %w", err)
	}
	if err := each(ctx, cfg.Concurrency, p.Items, r.stock); err != nil {
		return nil, fmt.Errorf("bring goods to stock: %w", err)
	}
	progress.stage.Store(int32(Ordering))
	ordering := time.Now()
	if err := r.orders(ctx); err != nil {
		return nil, err
	}
	ended := time.Now()
	progress.stage.Store(int32(Closing))
	if err := r.close(ctx); err != nil {
		return nil, err
	}
	progress.stage.Store(int32(Done))
	report, err := newReport(p)
	if err == nil {
		report.Seconds = time.Since(start).Seconds()
		report.OrdersPerSecond = float64(len(p.Orders)) / ended.Sub(ordering).Seconds()
		report.PlacedBefore = before
		report.DifferentlyPaid = int(r.differently.Load())
		report.StockedBefore = int(r.stockedBefore.Load())
	}
	return report, err
}

// stock brings the goods of one SKU to stock, and writes off what is lost.
func (r *runner) stock(ctx context.Context, item *Item) error {
	for _, m := range item.Movements {
		resource := "receipts"
		if m.Kind == writeOff {
			resource = "write-offs"
		}
		body := struct {
			ID       string `json:"id"`
			Quantity int64  `json:"quantity"`
			Reason   string `json:"reason,omitempty"`
		}{m.ID, m.Quantity, m.Reason}
		to := r.client.to.Inventory.API + "/stock/" + url.PathEscape(item.SKU) + "/" + resource
		a, err := r.client.post(ctx, to, m.key(item.SKU), body)
		if err != nil {
			return err
		}
		switch {
		case m.line == nil && (a.status == http.StatusConflict || a.status == http.StatusUnprocessableEntity):
			// Received before, under another share: what is there stays there.
			r.stockedBefore.Add(1)
		case m.line == nil && !a.ok():
			return fmt.Errorf("receive %d of %s: %s", m.Quantity, item.SKU, a.detail())
		case m.line == nil:
		case !a.ok():
			m.line.fate.outcome, m.line.fate.detail = MovementRefused, a.detail()
		case m.Kind == writeOff:
			m.line.fate.outcome = WrittenOff
		default:
			m.line.fate.outcome = Found
		}
	}
	r.progress.items.Add(1)
	return nil
}

// key is the idempotency key of a movement. SKUs may hold what a header may not.
func (m Movement) key(sku string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(sku)) // a hash takes everything
	return fmt.Sprintf("%s:%016x", m.ID, h.Sum64())
}

// orders places all orders, sees them end and makes their returns.
func (r *runner) orders(ctx context.Context) error {
	if len(r.plan.Orders) == 0 {
		return nil
	}
	g, ctx := errgroup.WithContext(ctx)
	placed := make(chan struct{})
	// Room for all, so that watching never waits for returning.
	returning := make(chan *Order, len(r.plan.Orders))
	g.Go(func() error {
		defer close(placed)
		return r.placeAll(ctx)
	})
	g.Go(func() error {
		defer close(returning)
		return r.watch(ctx, placed, returning)
	})
	for range r.cfg.Concurrency {
		g.Go(func() error {
			for o := range returning {
				if err := r.giveBack(ctx, o); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// each calls f for all items, at most so many at a time, until one fails.
func each[T any](ctx context.Context, workers int, items []T, f func(context.Context, T) error) error {
	g, working := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for _, item := range items {
		if working.Err() != nil {
			break
		}
		g.Go(func() error { return f(working, item) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return context.Cause(ctx)
}
