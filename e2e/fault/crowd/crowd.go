// Package crowd is customers who go on buying whatever happens to the platform:
// they order, change their minds and give things back.
//
// # Guarantee
//
// A customer repeats a request until it is answered, so that after Leave nothing
// has an unknown outcome: the client's history is all that was asked for. What a
// customer does follows from the seed and from the answers.
//
// # What it does not do
//
// It does not judge the platform: only answers that no customer should get are
// errors. The rest is the checker's.
package crowd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/murmuration-dev/murmuration/e2e/client"
)

// Config says who buys. Zero values stand for the defaults.
type Config struct {
	Seed uint64
	// Name begins the ids of orders and SKUs: crowds of different names share a
	// platform.
	Name string
	// Rate is how many customers come in a second. 0: each buys again as soon as
	// it has done.
	Rate float64
	// Customers is how many there are at a time at most, by default 16; who would
	// come beyond that is turned away.
	Customers int
	// SKUs is of how many goods, by default 12: few, so that orders compete. Units
	// is how many there are of each, by default 800, so that they run out.
	SKUs  int
	Units int64
}

const (
	// attempt bounds one try: a request may have reached a part that is frozen.
	attempt = 6 * time.Second
	// A request is repeated soon. Where customers come at a rate, many may wait,
	// and must not keep a machine busy by that: they have more and more patience.
	retryFirst, retryMost = 25 * time.Millisecond, time.Second
	// patience is how long a customer waits for an order before it may return it.
	patience = 2 * time.Second
	// stockMovement is the only receipt of each SKU.
	stockMovement = "opening"
	unitPrice     = 333
)

// methods are mostly good cards.
var methods = []string{
	"pm_card_visa", "pm_card_visa", "pm_card_visa", "pm_card_visa", "pm_card_visa", "pm_card_visa",
	"pm_card_chargeDeclined", "pm_sim_captureRefused", "pm_sim_chargedThenTimeout", "pm_sim_captureChargedThenTimeout",
}

// Crowd is customers at work. Its methods are safe for concurrent use.
type Crowd struct {
	cfg     Config
	client  *client.Client
	ctx     context.Context // of the customers
	leave   chan struct{}
	buying  sync.WaitGroup
	placed  atomic.Int64
	turned  atomic.Int64
	mu      sync.Mutex
	refused []error
}

// Gather stocks up and starts to buy. Leave must be called; when ctx ends the
// customers give up in the middle of what they do.
func Gather(ctx context.Context, c *client.Client, cfg Config) (*Crowd, error) {
	cfg.Name = cmp.Or(cfg.Name, "load")
	cfg.Customers = cmp.Or(cfg.Customers, 16)
	cfg.SKUs = cmp.Or(cfg.SKUs, 12)
	cfg.Units = cmp.Or(cfg.Units, 800)
	w := &Crowd{cfg: cfg, client: c, ctx: ctx, leave: make(chan struct{})}
	for i := range cfg.SKUs {
		w.persist(func(ctx context.Context) error {
			_, err := c.Receive(ctx, w.sku(i), stockMovement, cfg.Units)
			return err
		})
	}
	if err := errors.Join(ctx.Err(), w.wrong()); err != nil {
		return nil, fmt.Errorf("stock up: %w", err)
	}
	if cfg.Rate > 0 {
		w.buying.Go(w.arrive)
		return w, nil
	}
	for n := range cfg.Customers {
		random := rand.New(rand.NewPCG(cfg.Seed, uint64(n)))
		w.buying.Go(func() {
			for k := 0; !w.over(); k++ {
				w.buy(random, fmt.Sprintf("%s-%d-%d", cfg.Name, n, k))
			}
		})
	}
	return w, nil
}

// Placed is how many orders were acknowledged, TurnedAway how many customers came
// while too many were there.
func (w *Crowd) Placed() int64 { return w.placed.Load() }

// TurnedAway is how many customers came while too many were there.
func (w *Crowd) TurnedAway() int64 { return w.turned.Load() }

// Leave lets every customer finish, for which the platform must be running, and
// returns the answers that nobody should get.
func (w *Crowd) Leave() error {
	close(w.leave)
	w.buying.Wait()
	return w.wrong()
}

// arrive lets customers in at the rate: those for whom a busy machine found no time
// come at once.
func (w *Crowd) arrive() {
	inside := make(chan struct{}, w.cfg.Customers)
	begun := time.Now()
	next := time.NewTimer(0)
	defer next.Stop()
	for n := uint64(0); ; n++ {
		select {
		case <-w.leave:
			return
		case <-w.ctx.Done():
			return
		case <-next.C:
		}
		next.Reset(time.Until(begun.Add(time.Duration(float64(n+1) / w.cfg.Rate * float64(time.Second)))))
		select {
		case inside <- struct{}{}:
			w.buying.Go(func() {
				defer func() { <-inside }()
				w.buy(rand.New(rand.NewPCG(w.cfg.Seed, n)), fmt.Sprintf("%s-%d", w.cfg.Name, n))
			})
		default:
			w.turned.Add(1)
		}
	}
}

func (w *Crowd) over() bool {
	select {
	case <-w.leave:
		return true
	case <-w.ctx.Done():
		return true
	default:
		return w.wrong() != nil
	}
}

func (w *Crowd) sku(i int) string { return fmt.Sprintf("%s-sku-%d", w.cfg.Name, i) }

// buy is one customer's visit.
func (w *Crowd) buy(random *rand.Rand, id string) {
	o := client.NewOrder{OrderID: id, Key: "key-" + id, Currency: "GBP", PaymentMethod: methods[random.IntN(len(methods))], Deadline: 3600}
	for range 1 + random.IntN(4) {
		units := 1 + random.Int64N(3)
		o.Lines = append(o.Lines, client.NewLine{SKU: w.sku(random.IntN(w.cfg.SKUs)), Quantity: units, Amount: units * unitPrice})
	}
	if w.persist(func(ctx context.Context) error { _, err := w.client.Place(ctx, o); return err }) {
		w.placed.Add(1)
	}
	switch fate := random.IntN(10); {
	case fate == 0:
		w.persist(func(ctx context.Context) error { _, err := w.client.Cancel(ctx, id, "changed my mind"); return err })
	case fate <= 2:
		w.giveBack(id)
	}
}

// giveBack returns a part of an order, if it was completed.
func (w *Crowd) giveBack(id string) {
	var o client.Order
	w.persist(func(ctx context.Context) (err error) { o, err = w.client.Wait(ctx, id, patience); return err })
	if o.Status == client.Completed {
		w.persist(func(ctx context.Context) error {
			_, err := w.client.Return(ctx, id, "r1", client.ReturnLine{Line: 1, Quantity: 1})
			return err
		})
	}
}

// persist repeats a request until it is answered, and tells whether it succeeded.
// A refusal that depends on how far the order has come is an answer too.
func (w *Crowd) persist(request func(context.Context) error) bool {
	most := retryFirst
	if w.cfg.Rate > 0 {
		most = retryMost
	}
	for pause := retryFirst; ; pause = min(2*pause, most) {
		ctx, cancel := context.WithTimeout(w.ctx, attempt)
		err := request(ctx)
		cancel()
		switch status := client.StatusOf(err); {
		case err == nil:
			return true
		case status == http.StatusConflict || w.ctx.Err() != nil:
			return false
		case status != 0 && status < http.StatusInternalServerError:
			w.mu.Lock()
			w.refused = append(w.refused, err)
			w.mu.Unlock()
			return false
		}
		next := time.NewTimer(pause)
		select {
		case <-w.ctx.Done():
		case <-next.C:
		}
		next.Stop()
	}
}

// wrong are the answers that nobody should get.
func (w *Crowd) wrong() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(slices.Clone(w.refused)...)
}
