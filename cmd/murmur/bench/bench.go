package bench

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
)

// Config is one run.
type Config struct {
	Shape Shape
	// Orders is how many are placed.
	Orders int
	// Rate is how many a second are due, whatever the platform does; 0 places
	// them as fast as the connections allow.
	Rate float64
	// Seed makes the same orders again.
	Seed uint64
	// Patience bounds the whole run; default 5 minutes.
	Patience time.Duration
}

// Result is what a run gave.
type Result struct {
	Shape     string  `json:"shape"`
	Orders    int     `json:"orders"`
	Rate      float64 `json:"rate,omitempty"` // asked for, orders/s
	Completed int     `json:"completed"`
	Cancelled int     `json:"cancelled"`
	// PerSecond is completed orders over the time from the first one due to the
	// last one completed; AcceptedPerSecond likewise until the last was accepted.
	PerSecond         float64 `json:"completed_per_s"`
	AcceptedPerSecond float64 `json:"accepted_per_s"`
	// Accept and Complete are in milliseconds.
	Accept   Percentiles `json:"accept_ms"`
	Complete Percentiles `json:"complete_ms"`
}

// Percentiles of a latency, in milliseconds.
type Percentiles struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

const (
	lowest, highest = 10, 10 * 60 * 1_000_000 // µs that a histogram can hold
	digits          = 3
	defaultPatience = 5 * time.Minute
)

// Run places orders and waits until each has ended.
func Run(ctx context.Context, to embedded.Addresses, cfg Config) (Result, error) {
	if cfg.Patience == 0 {
		cfg.Patience = defaultPatience
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Patience)
	defer cancel()
	c := newClient(to)
	if err := c.stock(ctx, cfg.Shape); err != nil {
		return Result{}, fmt.Errorf("fill the shelves: %w", err)
	}
	run := fmt.Sprintf("bench-%x", time.Now().UnixMilli())
	w, err := newWatcher(ctx, to, run, cfg.Orders)
	if err != nil {
		return Result{}, fmt.Errorf("watch orders: %w", err)
	}
	watching, stop := context.WithCancel(ctx)
	watched := make(chan error, 1)
	go func() { watched <- w.watch(watching) }()
	sent, err := send(ctx, c, cfg, run)
	if err == nil {
		select {
		case <-w.all:
		case <-ctx.Done():
			err = fmt.Errorf("%d of %d orders had ended after %s", len(w.done)+w.ended, cfg.Orders, cfg.Patience)
		case err = <-watched:
			watched <- nil
		}
	}
	stop()
	if e := <-watched; err == nil {
		err = e
	}
	if err != nil {
		return Result{}, err
	}
	return result(cfg, sent, w), nil
}

// sending is what the sender saw.
type sending struct {
	start    time.Time
	due      map[string]time.Time
	accepted map[string]time.Time
	last     time.Time
}

// send places the orders when they are due.
func send(ctx context.Context, c *client, cfg Config, run string) (*sending, error) {
	orders := make([]Placement, cfg.Orders)
	g := NewGenerator(cfg.Shape, run, cfg.Seed)
	for i := range orders {
		orders[i] = g.Next()
	}
	s := &sending{start: time.Now(), due: make(map[string]time.Time, cfg.Orders), accepted: make(map[string]time.Time, cfg.Orders)}
	var mu sync.Mutex
	workers := maxConnections
	err := each(ctx, workers, cfg.Orders, func(ctx context.Context, i int) error {
		due := time.Now()
		if cfg.Rate > 0 {
			due = s.start.Add(time.Duration(float64(i) / cfg.Rate * float64(time.Second)))
			if wait := time.Until(due); wait > 0 {
				t := time.NewTimer(wait)
				defer t.Stop()
				select {
				case <-t.C:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
		if err := c.place(ctx, orders[i]); err != nil {
			return err
		}
		now := time.Now()
		mu.Lock()
		defer mu.Unlock()
		s.due[orders[i].OrderID], s.accepted[orders[i].OrderID] = due, now
		if now.After(s.last) {
			s.last = now
		}
		return nil
	})
	return s, err
}

func result(cfg Config, s *sending, w *watcher) Result {
	w.mu.Lock()
	defer w.mu.Unlock()
	accept, complete := hdrhistogram.New(lowest, highest, digits), hdrhistogram.New(lowest, highest, digits)
	for id, due := range s.due {
		_ = accept.RecordValue(max(lowest, s.accepted[id].Sub(due).Microseconds())) // the run is shorter than the highest value
		if done, ok := w.done[id]; ok {
			_ = complete.RecordValue(max(lowest, done.Sub(due).Microseconds()))
		}
	}
	return Result{
		Shape: cfg.Shape.Name, Orders: cfg.Orders, Rate: cfg.Rate, Completed: len(w.done), Cancelled: w.ended,
		PerSecond: float64(len(w.done)) / w.finished.Sub(s.start).Seconds(), AcceptedPerSecond: float64(cfg.Orders) / s.last.Sub(s.start).Seconds(),
		Accept: percentiles(accept), Complete: percentiles(complete),
	}
}

func percentiles(h *hdrhistogram.Histogram) Percentiles {
	at := func(p float64) float64 { return float64(h.ValueAtPercentile(p)) / 1000 }
	return Percentiles{P50: at(50), P90: at(90), P99: at(99), Max: float64(h.Max()) / 1000}
}
