package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/sim"
	"github.com/murmuration-dev/murmuration/services/payment/gatewaysim/memory"
)

const (
	// shortDay is when all customers of a short schedule come.
	shortDay = 800 * time.Millisecond
	// mostOrders of a short schedule, over shelfSKUs, of which there are few.
	mostOrders = 4
	shelfSKUs  = 2
)

// Short is a scenario of a handful of orders that compete for little stock, with
// customers who change their minds, cards that are refused and goods that come
// back; one to two processes of each service. Now and then one service reads all of
// its topics again.
func (s *Services) Short(w *sim.World) {
	d := w.Rand("customers")
	shop := s.Open(w, 1+d.Int32N(3), Replicas{replicas(d), replicas(d), replicas(d)})
	for i := range shelfSKUs {
		sku := fmt.Sprintf("sku-%d", i)
		n := 1 + d.Int64N(6)
		w.Step("receive "+sku, moment(d)/4, func(ctx context.Context, c *sim.Client) error {
			return shop.Receive(ctx, c, sku, "receipt-"+sku, n)
		})
		if d.IntN(4) == 0 {
			w.Step("write off "+sku, moment(d), func(ctx context.Context, c *sim.Client) error {
				return shop.WriteOff(ctx, c, sku, "breakage-"+sku, 1)
			})
		}
	}
	for i := range 1 + d.IntN(mostOrders) {
		shop.customer(d, fmt.Sprintf("o%d", i))
	}
	if d.IntN(6) == 0 {
		disk := []*sim.Disk{shop.order, shop.payment, shop.stock}[d.IntN(3)]
		w.Step("replay", 2*moment(d), func(context.Context, *sim.Client) error {
			w.Restart(disk.Name())
			disk.Rewind()
			return nil
		})
	}
}

func replicas(d *rand.Rand) int {
	if d.IntN(4) == 0 {
		return 2
	}
	return 1
}

func moment(d *rand.Rand) time.Duration { return time.Duration(d.Int64N(int64(shortDay))) }

// customer declares what one customer does.
func (s *Shop) customer(d *rand.Rand, id string) {
	w := s.world
	o := Order{OrderID: id, Currency: "GBP", PaymentMethod: "pm_card_visa"}
	switch d.IntN(8) {
	case 0:
		o.PaymentMethod = memory.Declined
	case 1:
		o.PaymentMethod = memory.CaptureRefused
	}
	if d.IntN(4) == 0 {
		o.Deadline = 1 + d.Int64N(5)
	}
	for range 1 + d.IntN(2) {
		l := Line{SKU: fmt.Sprintf("sku-%d", d.IntN(shelfSKUs)), Quantity: 1 + d.Int64N(3), Amount: d.Int64N(3) * 500}
		if d.IntN(8) == 0 {
			l.Kind = "SERVICE"
		}
		o.Lines = append(o.Lines, l)
	}
	at := moment(d)
	w.Step("place "+id, at, func(ctx context.Context, c *sim.Client) error { return s.Place(ctx, c, o) })
	if d.IntN(4) == 0 {
		w.Step("cancel "+id, at+moment(d)/4, func(ctx context.Context, c *sim.Client) error { return s.Cancel(ctx, c, id) })
	}
	for n := range d.IntN(3) {
		line, quantity := 1+d.IntN(len(o.Lines)), 1+d.Int64N(2)
		w.Step(fmt.Sprintf("return %d of %s", n, id), at+moment(d), func(ctx context.Context, c *sim.Client) error {
			return s.Return(ctx, c, id, fmt.Sprintf("b%d", n), line, quantity)
		})
	}
}
