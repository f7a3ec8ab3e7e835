package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
)

// Shape is what the orders of a run look like.
type Shape struct {
	Name string
	// SKUs is how many there are; demand among them is Zipf-like.
	SKUs int
	// MeanLines is the mean number of lines, which are distributed
	// geometrically, as invoices roughly are.
	MeanLines float64
}

// Shapes of orders: Small is a consumer's basket, Real is like the wholesale
// invoices of the data that the demo replays.
var (
	Small = Shape{Name: "small", SKUs: 4000, MeanLines: 2}
	Real  = Shape{Name: "real", SKUs: 4000, MeanLines: 20}
)

const (
	// zipfExponent and zipfOffset give a demand of which the busiest SKU has
	// about one percent, as in the real data.
	zipfExponent = 1.1
	zipfOffset   = 20
	// maxLines is the longest invoice of the real data.
	maxLines = 705
	// Plenty is stock of one SKU that no run exhausts.
	Plenty = 100_000_000
	// maxConnections bounds the client.
	maxConnections = 64
)

// Line is a line of a Placement.
type Line struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
	Amount   int64  `json:"amount"`
}

// Placement is an order as the public API takes it.
type Placement struct {
	OrderID       string `json:"order_id"`
	Currency      string `json:"currency"`
	PaymentMethod string `json:"payment_method"`
	Lines         []Line `json:"lines"`
}

// Generator makes orders; the same seed makes the same ones. It is not safe for
// concurrent use.
type Generator struct {
	shape Shape
	rng   *rand.Rand
	zipf  *rand.Zipf
	run   string
	n     int
}

// NewGenerator makes orders of one shape, whose ids begin with the name of a run.
func NewGenerator(shape Shape, run string, seed uint64) *Generator {
	rng := rand.New(rand.NewPCG(seed, 1))
	return &Generator{shape: shape, rng: rng, zipf: rand.NewZipf(rng, zipfExponent, zipfOffset, uint64(shape.SKUs-1)), run: run}
}

// Next is the next order.
func (g *Generator) Next() Placement {
	g.n++
	n := 1
	for n < maxLines && g.rng.Float64() > 1/g.shape.MeanLines {
		n++
	}
	p := Placement{
		OrderID: fmt.Sprintf("%s-%06d", g.run, g.n), Currency: "GBP", PaymentMethod: "pm_card_visa", Lines: make([]Line, n),
	}
	for i := range p.Lines {
		p.Lines[i] = Line{SKU: SKU(int(g.zipf.Uint64())), Quantity: 1 + g.rng.Int64N(12), Amount: 85 + g.rng.Int64N(2000)}
	}
	return p
}

// SKU is the i-th SKU of every shape, from 0; the first ones are in demand most.
func SKU(i int) string { return fmt.Sprintf("B%05d", i) }

// client sends requests to one platform.
type client struct {
	to   embedded.Addresses
	http *http.Client
}

func newClient(to embedded.Addresses) *client {
	return &client{to: to, http: &http.Client{
		Timeout:   2 * time.Minute,
		Transport: &http.Transport{MaxIdleConnsPerHost: maxConnections, MaxConnsPerHost: maxConnections},
	}}
}

// stock makes sure that no order of a shape runs short.
func (c *client) stock(ctx context.Context, shape Shape) error {
	return each(ctx, maxConnections, shape.SKUs, func(ctx context.Context, i int) error {
		body := map[string]any{"id": "bench", "quantity": Plenty}
		return c.post(ctx, c.to.Inventory.API+"/stock/"+url.PathEscape(SKU(i))+"/receipts", body)
	})
}

func (c *client) place(ctx context.Context, p Placement) error {
	return c.post(ctx, c.to.Order.API+"/orders", p)
}

func (c *client) post(ctx context.Context, to string, body any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("POST %s: %s: %s", to, resp.Status, answer)
	}
	return nil
}

// each calls f for 0 to n-1, at most workers at a time, until one fails.
func each(ctx context.Context, workers, n int, f func(context.Context, int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	next := make(chan int)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for i := range next {
				if err := f(ctx, i); err != nil {
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
