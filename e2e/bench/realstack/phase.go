//go:build e2e

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/murmuration-dev/murmuration/e2e/bench/hop"
	"github.com/murmuration-dev/murmuration/e2e/bench/quantile"
)

// phase is what some orders showed.
type phase struct {
	orders    int
	perSecond float64 // from the first one due to the last one COMPLETED
	// toCompleted is from the acknowledgement, sinceDue from when an order was due,
	// accept from there to the acknowledgement.
	toCompleted, sinceDue, accept []time.Duration
	hops                          []hop.Hop
	effects                       []time.Duration // of the payment service
	cost                          cost            // of an order
	memory                        memory          // highest resident size that was seen
}

// phase places orders and waits until each is COMPLETED. A rate of 0 places them
// as fast as the connections allow.
func (b *bench) phase(ctx context.Context, orders int, rate float64) (phase, error) {
	b.n++
	name := fmt.Sprintf("phase-%d-", b.n)
	run := b.seen.Follow(name, orders)
	before, err := b.spent(ctx)
	if err != nil {
		return phase{}, err
	}
	watching := b.watchMemory(ctx)
	bounded, cancel := context.WithTimeout(ctx, patience+time.Duration(float64(orders)/max(rate, 1)*float64(time.Second)))
	defer cancel()
	sent, err := b.shop.place(bounded, name, orders, rate, uint64(b.n))
	if err == nil {
		err = b.seen.Await(bounded, run)
	}
	most, failed := watching.stop()
	if err := errors.Join(err, failed); err != nil {
		return phase{}, err
	}
	if run.Otherwise > 0 || run.Twice > 0 {
		return phase{}, fmt.Errorf("%d of %d orders did not complete, %d records were seen twice", run.Otherwise, orders, run.Twice)
	}
	after, err := b.spent(ctx)
	if err != nil {
		return phase{}, err
	}
	p := phase{orders: orders, memory: most, cost: after.since(before).each(orders)}
	p.count(sent, run)
	events, err := b.events(ctx, name)
	if err != nil {
		return phase{}, err
	}
	p.hops, p.effects = hop.Join(events, run.Visible), hop.Effects(events, run.Visible)
	return p, nil
}

func (p *phase) count(sent *sent, run *hop.Run) {
	last := sent.begun
	for id, s := range sent.orders {
		done := run.Completed[id]
		p.toCompleted = append(p.toCompleted, done.Sub(s.acknowledged))
		p.sinceDue = append(p.sinceDue, done.Sub(s.due))
		p.accept = append(p.accept, s.acknowledged.Sub(s.due))
		if done.After(last) {
			last = done
		}
	}
	p.perSecond = float64(p.orders) / last.Sub(sent.begun).Seconds()
}

// events are those of all services, the payment service's in one piece.
func (b *bench) events(ctx context.Context, name string) ([]hop.Event, error) {
	var all []hop.Event
	for _, service := range services {
		events, err := hop.Events(ctx, service, b.stack.DatabaseInside(service), b.stack.Dial, name)
		if err != nil {
			return nil, err
		}
		all = append(all, events...)
	}
	return all, nil
}

// hop is that between two services; nothing was measured if there is none.
func (p phase) hop(from, to string) hop.Hop {
	for _, h := range p.hops {
		if h.From == from && h.To == to {
			return h
		}
	}
	return hop.Hop{From: from, To: to}
}

func at(values []time.Duration, share float64) float64 {
	return quantile.Milliseconds(quantile.Of(values, share))
}

// String is a round in one line, while others are still to come.
func (r round) String() string {
	return fmt.Sprintf("acknowledged to COMPLETED p50 %.0f ms, p99 %.0f ms; burst %.0f orders/s; floor: record %.1f ms, row %.1f ms; others had %.0f and %.0f %% of the processors",
		at(r.paced.toCompleted, 0.5), at(r.paced.toCompleted, 0.99), r.burst.perSecond, r.floor.Produce.P50, r.floor.Insert.P50,
		100*r.paced.cost.foreign(), 100*r.burst.cost.foreign())
}
