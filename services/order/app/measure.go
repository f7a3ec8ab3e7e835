package app

import (
	"context"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/services/order"
	"github.com/murmuration-dev/murmuration/services/order/internal/projection"
)

// open are the statuses that an order does not stay in.
var open = []order.Status{order.StatusPlaced, order.StatusConfirmed}

// measures are what operators watch of orders that are under way.
func measures(store eventstore.Reader, now func() time.Time) []participant.Measure {
	each := func(value func(orders, since int64) float64) func(context.Context) (map[string]float64, error) {
		return func(ctx context.Context) (map[string]float64, error) {
			values := make(map[string]float64)
			for _, status := range open {
				orders, since, err := projection.Open(ctx, store, status)
				if err != nil {
					return nil, err
				}
				values[string(status)] = value(orders, since)
			}
			return values, nil
		}
	}
	return []participant.Measure{
		{
			Name: "murmuration_orders_open", Label: "status",
			Help: "Orders that are not at their end, by status, up to 100000 each.",
			Read: each(func(orders, _ int64) float64 { return float64(orders) }),
		},
		{
			Name: "murmuration_orders_open_oldest_seconds", Label: "status",
			Help: "How long the oldest of these orders has been in its status; 0 without any.",
			Read: each(func(orders, since int64) float64 {
				if orders == 0 {
					return 0
				}
				return max(0, now().Sub(time.UnixMicro(since)).Seconds())
			}),
		},
	}
}
