package cli

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/schemas"
)

// reads are the topics that each service consumes.
var reads = map[string][]string{
	schemas.OrderService:     {schemas.Payments, schemas.Reservations},
	schemas.PaymentService:   {schemas.Orders},
	schemas.InventoryService: {schemas.Orders},
}

// logBounds are where the partitions of the topics begin, and end for readers of
// committed records.
type logBounds struct {
	first, end map[kafka.TopicPartition]int64
}

func readBounds(ctx context.Context, address string) (logBounds, error) {
	var b logBounds
	client, err := reachKafka(ctx, address)
	if err != nil {
		return b, err
	}
	defer client.Close()
	infos, err := client.DescribeTopics(ctx, schemas.Orders, schemas.Payments, schemas.Reservations)
	if err != nil {
		return b, fmt.Errorf("lag is not known: %w", err)
	}
	var tps []kafka.TopicPartition
	for name, info := range infos {
		for _, p := range info.Partitions {
			tps = append(tps, kafka.TopicPartition{Topic: name, Partition: p.ID})
		}
	}
	if b.first, err = client.StartOffsets(ctx, tps...); err == nil {
		b.end, err = client.EndOffsets(ctx, kafka.ReadCommitted, tps...)
	}
	if err != nil {
		return b, fmt.Errorf("lag is not known: %w", err)
	}
	return b, nil
}

// behind fills in the lag. A partition without a position is read from its start.
func (s *serviceStatus) behind(b logBounds) {
	if s.view == nil {
		return
	}
	next := maps.Clone(b.first)
	for _, p := range s.view.Positions {
		next[kafka.TopicPartition{Topic: p.Topic, Partition: p.Partition}] = p.Next
	}
	s.Lag = make(map[string]int64)
	for _, topic := range reads[s.Service] {
		s.Lag[topic] = 0
	}
	for tp, end := range b.end {
		if slices.Contains(reads[s.Service], tp.Topic) {
			s.Lag[tp.Topic] += max(0, end-next[tp])
		}
	}
}

const (
	// orderPage is the most that the order service lists at once.
	orderPage = 1000
	// orderPages bounds the count: an overview must not read a whole database.
	orderPages = 50
)

// countOrders counts orders by status; more is true if there are too many.
func (w web) countOrders(ctx context.Context, api string) (counts map[string]int, more bool, err error) {
	counts = make(map[string]int)
	after := ""
	for range orderPages {
		var page struct {
			Orders []struct {
				OrderID string `json:"order_id"`
				Status  string `json:"status"`
			} `json:"orders"`
		}
		query := url.Values{"limit": {strconv.Itoa(orderPage)}, "after": {after}}
		if err := w.do(ctx, http.MethodGet, api+"/orders?"+query.Encode(), &page, http.StatusOK); err != nil {
			return nil, false, err
		}
		for _, o := range page.Orders {
			counts[o.Status]++
			after = o.OrderID
		}
		if len(page.Orders) < orderPage {
			return counts, false, nil
		}
	}
	return counts, true, nil
}
