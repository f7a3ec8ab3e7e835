package checker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/murmuration-dev/murmuration/e2e/client"
)

const (
	// settleAtMost is the longest wait that the order service offers.
	settleAtMost = 60 * time.Second
	// lookEvery is how often it is looked whether a platform has come to rest.
	lookEvery = 50 * time.Millisecond
	// waiters wait for orders side by side: most are settled already, and asking
	// for tens of thousands one by one would take minutes.
	waiters = 16
)

// AwaitQuiet waits until every acknowledged order is settled, everything is
// published, no service owes anything but deadlines and no transaction is open. A
// part that cannot be reached for the moment is asked again until ctx ends.
func AwaitQuiet(ctx context.Context, c *client.Client, stores Stores) error {
	if err := awaitOrders(ctx, c); err != nil {
		return err
	}
	return until(ctx, func() error { return errors.Join(stores.busy(ctx), settled(ctx, c)) })
}

func settled(ctx context.Context, c *client.Client) error {
	open, err := openTransactions(ctx, c.Addresses().Kafka)
	return errors.Join(open, err)
}

func awaitOrders(ctx context.Context, c *client.Client) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	orders := make(chan string)
	var mu sync.Mutex
	var first error
	var waiting sync.WaitGroup
	for range waiters {
		waiting.Go(func() {
			for id := range orders {
				if err := awaitOrder(ctx, c, id); err != nil {
					mu.Lock()
					if first == nil {
						first = err
					}
					mu.Unlock()
					stop()
				}
			}
		})
	}
	for id := range c.History().Orders() {
		select {
		case orders <- id:
		case <-ctx.Done():
		}
	}
	close(orders)
	waiting.Wait()
	return errors.Join(first, ctx.Err())
}

func awaitOrder(ctx context.Context, c *client.Client, id string) error {
	return until(ctx, func() error {
		o, err := c.Wait(ctx, id, settleAtMost)
		if err != nil {
			return fmt.Errorf("await order %s: %w", id, err)
		}
		if !o.Settled {
			return fmt.Errorf("order %s is not settled: %s, payment %+v, reservation %+v", id, o.Status, o.Payment, o.Reservation)
		}
		return nil
	})
}

// busy is an error that names the stores that have something to do.
func (s Stores) busy(ctx context.Context) error {
	var busy error
	for _, service := range s.names() {
		p, err := s[service].Pending(ctx)
		if err != nil {
			busy = errors.Join(busy, fmt.Errorf("%s: %w", service, err))
		} else if p.Rows > 0 || p.Intents > 0 {
			busy = errors.Join(busy, fmt.Errorf("%s has %d rows to publish and %d intents to execute", service, p.Rows, p.Intents))
		}
	}
	return busy
}

// until repeats try until it succeeds or ctx ends; then it returns the last error.
func until(ctx context.Context, try func() error) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-tick.C:
		}
	}
}
