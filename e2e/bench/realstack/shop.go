//go:build e2e

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	load "github.com/murmuration-dev/murmuration/cmd/murmur/bench"
	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
)

const (
	// connections bounds what is under way at once.
	connections = 64
	// requestTimeout bounds one request.
	requestTimeout = 2 * time.Minute
)

// shape is what orders look like: as in the bench of the embedded platform, but
// for fewer SKUs, which take less time to fill the shelves with.
var shape = load.Shape{Name: load.Small.Name, SKUs: 1000, MeanLines: load.Small.MeanLines}

// shop places orders with all replicas in turn, as a load balancer would.
type shop struct {
	at   embedded.Addresses
	http *http.Client
}

// sent is what the customers know.
type sent struct {
	begun  time.Time
	orders map[string]times
}

type times struct{ due, acknowledged time.Time }

func newShop(at embedded.Addresses, dial func(context.Context, string, string) (net.Conn, error)) *shop {
	return &shop{at: at, http: &http.Client{Timeout: requestTimeout, Transport: &http.Transport{
		DialContext: dial, MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections,
	}}}
}

func (s *shop) close() { s.http.CloseIdleConnections() }

// stock makes sure that no order runs short.
func (s *shop) stock(ctx context.Context) error {
	return each(ctx, shape.SKUs, func(ctx context.Context, i int) error {
		replica := s.at.Inventory.Replicas[i%len(s.at.Inventory.Replicas)]
		body := map[string]any{"id": "bench", "quantity": load.Plenty}
		return s.post(ctx, replica.API+"/stock/"+url.PathEscape(load.SKU(i))+"/receipts", body)
	})
}

// place sends orders when they are due, whatever becomes of those before.
func (s *shop) place(ctx context.Context, name string, n int, rate float64, seed uint64) (*sent, error) {
	orders := make([]load.Placement, n)
	for i, g := 0, load.NewGenerator(shape, name, seed); i < n; i++ {
		orders[i] = g.Next()
	}
	out := &sent{begun: time.Now(), orders: make(map[string]times, n)}
	var mu sync.Mutex
	return out, each(ctx, n, func(ctx context.Context, i int) error {
		due := out.begun
		if rate > 0 {
			due = due.Add(time.Duration(float64(i) / rate * float64(time.Second)))
			if err := pause(ctx, time.Until(due)); err != nil {
				return err
			}
		}
		replica := s.at.Order.Replicas[i%len(s.at.Order.Replicas)]
		if err := s.post(ctx, replica.API+"/orders", orders[i]); err != nil {
			return err
		}
		now := time.Now()
		mu.Lock()
		defer mu.Unlock()
		out.orders[orders[i].OrderID] = times{due, now}
		return nil
	})
}

func (s *shop) post(ctx context.Context, to string, body any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := s.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("POST %s: %s: %s", to, res.Status, answer)
	}
	return err
}

// each calls do for 0 to n-1, over all connections, until one fails.
func each(ctx context.Context, n int, do func(context.Context, int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	next := make(chan int)
	var all sync.WaitGroup
	for range min(connections, n) {
		all.Go(func() {
			for i := range next {
				if err := do(ctx, i); err != nil {
					stop(err)
				}
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	all.Wait()
	return context.Cause(ctx)
}
