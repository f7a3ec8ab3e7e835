package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/e2e/client"
)

const (
	// buyers place orders side by side.
	buyers = 16
	// skus are few, so that orders compete, and units run out.
	skus          = 12
	unitsOfEach   = 800
	retryEvery    = 25 * time.Millisecond
	stockMovement = "opening"
)

// load is customers who go on buying until they are told to stop, whatever happens
// to the platform: each repeats a request until it is answered.
type load struct {
	t       *testing.T
	client  *client.Client
	placed  atomic.Int64
	stopped chan struct{}
	buying  sync.WaitGroup
}

// startLoad stocks up and starts to buy. The platform must be running.
func startLoad(t *testing.T, c *client.Client, seed uint64) *load {
	t.Helper()
	l := &load{t: t, client: c, stopped: make(chan struct{})}
	for i := range skus {
		if _, err := c.Receive(t.Context(), sku(i), stockMovement, unitsOfEach); err != nil {
			t.Fatal(err)
		}
	}
	for b := range buyers {
		random := rand.New(rand.NewPCG(seed, uint64(b)))
		l.buying.Go(func() {
			for n := 0; !l.over(); n++ {
				l.buy(random, fmt.Sprintf("load-%d-%d", b, n))
			}
		})
	}
	return l
}

// stop lets every customer finish; the platform must be running.
func (l *load) stop() {
	close(l.stopped)
	l.buying.Wait()
}

func (l *load) over() bool {
	select {
	case <-l.stopped:
		return true
	case <-l.t.Context().Done():
		return true
	default:
		return l.t.Failed()
	}
}

func sku(i int) string { return fmt.Sprintf("load-sku-%d", i) }

// methods are mostly good cards.
var methods = []string{
	"pm_card_visa", "pm_card_visa", "pm_card_visa", "pm_card_visa", "pm_card_visa", "pm_card_visa",
	"pm_card_chargeDeclined", "pm_sim_captureRefused", "pm_sim_chargedThenTimeout", "pm_sim_captureChargedThenTimeout",
}

func (l *load) buy(random *rand.Rand, id string) {
	o := client.NewOrder{OrderID: id, Key: "key-" + id, Currency: "GBP", PaymentMethod: methods[random.IntN(len(methods))], Deadline: 3600}
	for range 1 + random.IntN(4) {
		units := 1 + random.Int64N(3)
		o.Lines = append(o.Lines, client.NewLine{SKU: sku(random.IntN(skus)), Quantity: units, Amount: units * 333})
	}
	l.persist(func(ctx context.Context) error { _, err := l.client.Place(ctx, o); return err })
	l.placed.Add(1)
	switch fate := random.IntN(10); {
	case fate == 0:
		l.persist(func(ctx context.Context) error { _, err := l.client.Cancel(ctx, id, "changed my mind"); return err })
	case fate <= 2:
		l.giveBack(id)
	}
}

// giveBack returns a part of an order, if it was completed.
func (l *load) giveBack(id string) {
	var o client.Order
	l.persist(func(ctx context.Context) (err error) { o, err = l.client.Wait(ctx, id, 2*time.Second); return err })
	if o.Status == client.Completed {
		l.persist(func(ctx context.Context) error {
			_, err := l.client.Return(ctx, id, "r1", client.ReturnLine{Line: 1, Quantity: 1})
			return err
		})
	}
}

// persist repeats a request until it is answered. A refusal that depends on how far
// the order has come is an answer.
func (l *load) persist(request func(context.Context) error) {
	ctx := l.t.Context()
	for {
		err := request(ctx)
		switch status := client.StatusOf(err); {
		case err == nil || status == http.StatusConflict || ctx.Err() != nil:
			return
		case status != 0 && status != http.StatusServiceUnavailable:
			l.t.Errorf("answered with %v", err)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(retryEvery):
		}
	}
}
