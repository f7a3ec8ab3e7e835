package checker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/murmuration-dev/murmuration/e2e/client"
)

// settleAtMost is the longest wait that the order service offers.
const settleAtMost = 60 * time.Second

// AwaitQuiet waits until every acknowledged order is settled, everything is
// published and no service owes anything but deadlines.
func AwaitQuiet(ctx context.Context, c *client.Client, databases map[string]string) error {
	for id := range c.History().Orders() {
		o, err := c.Wait(ctx, id, settleAtMost)
		if err != nil {
			return fmt.Errorf("await order %s: %w", id, err)
		}
		if !o.Settled {
			return fmt.Errorf("order %s is not settled: %s, payment %+v, reservation %+v", id, o.Status, o.Payment, o.Reservation)
		}
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		busy, err := busyStores(ctx, databases)
		if err != nil {
			return err
		}
		if busy == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), busy)
		case <-tick.C:
		}
	}
}

func busyStores(ctx context.Context, databases map[string]string) (busy, err error) {
	for service, file := range databases {
		db, err := open(file)
		if err != nil {
			return nil, err
		}
		var rows, intents int
		err = db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM outbox), (SELECT count(*) FROM intents WHERE kind <> 'expire')`).Scan(&rows, &intents)
		if err = errors.Join(err, db.Close()); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if rows > 0 || intents > 0 {
			busy = errors.Join(busy, fmt.Errorf("%s has %d rows to publish and %d intents to execute", service, rows, intents))
		}
	}
	return busy, nil
}
