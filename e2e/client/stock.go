package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Stock is a stock item, in units.
type Stock struct {
	SKU        string `json:"sku"`
	Version    int64  `json:"version"`
	OnHand     int64  `json:"on_hand"`
	Reserved   int64  `json:"reserved"`
	Available  int64  `json:"available"`
	Received   int64  `json:"received"`
	Committed  int64  `json:"committed"`
	Restocked  int64  `json:"restocked"`
	WrittenOff int64  `json:"written_off"`
}

// Receive takes goods in. movement names this receipt: the same again changes
// nothing.
func (c *Client) Receive(ctx context.Context, sku, movement string, quantity int64) (Stock, error) {
	out, err := c.move(ctx, sku, "receipts", movement, quantity)
	if err == nil {
		c.history.received(sku, movement, quantity)
	}
	return out, err
}

// WriteOff takes goods out that are broken or lost.
func (c *Client) WriteOff(ctx context.Context, sku, movement string, quantity int64) (Stock, error) {
	out, err := c.move(ctx, sku, "write-offs", movement, quantity)
	if err == nil {
		c.history.wroteOff(sku, movement, quantity)
	}
	return out, err
}

func (c *Client) move(ctx context.Context, sku, how, movement string, quantity int64) (Stock, error) {
	in := map[string]any{"id": movement, "quantity": quantity}
	return c.tellStock(sku, func(out *Stock) error {
		return c.call(ctx, http.MethodPost, c.inventory("stock", sku, how), in, out)
	})
}

// Stock returns a stock item.
func (c *Client) Stock(ctx context.Context, sku string) (Stock, error) {
	return c.tellStock(sku, func(out *Stock) error {
		return c.call(ctx, http.MethodGet, c.inventory("stock", sku), nil, out)
	})
}

// tellStock is tell for stock.
func (c *Client) tellStock(sku string, request func(*Stock) error) (Stock, error) {
	var out Stock
	floor := c.history.floor(stockThing(sku))
	err := request(&out)
	if err == nil {
		c.history.told(stockThing(sku), floor, out.fact())
	}
	return out, err
}

// Reservation is what inventory holds, or held, for an order.
type Reservation struct {
	OrderID string `json:"order_id"`
	Version int64  `json:"version"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Lines   []struct {
		Line      int32  `json:"line"`
		SKU       string `json:"sku"`
		Quantity  int64  `json:"quantity"`
		Restocked int64  `json:"restocked"`
	} `json:"lines"`
	Shortages []struct {
		SKU       string `json:"sku"`
		Wanted    int64  `json:"wanted"`
		Available int64  `json:"available"`
	} `json:"shortages"`
}

// Reservation returns the reservation of an order.
func (c *Client) Reservation(ctx context.Context, order string) (Reservation, error) {
	var out Reservation
	err := c.call(ctx, http.MethodGet, c.inventory("reservations", order), nil, &out)
	return out, err
}

func (c *Client) inventory(path ...string) string {
	u := c.platform.Addresses().Inventory.API
	for _, p := range path {
		u += "/" + url.PathEscape(p)
	}
	return u
}

// Payment is the payment of an order, in minor units.
type Payment struct {
	OrderID   string    `json:"order_id"`
	Version   int64     `json:"version"`
	Status    string    `json:"status"`
	InFlight  string    `json:"in_flight"`
	Currency  string    `json:"currency"`
	Amount    int64     `json:"amount"`
	Captured  int64     `json:"captured"`
	Refunded  int64     `json:"refunded"`
	Reason    string    `json:"reason"`
	GatewayID string    `json:"gateway_payment_id"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Payment returns the payment of an order.
func (c *Client) Payment(ctx context.Context, order string) (Payment, error) {
	var out Payment
	err := c.call(ctx, http.MethodGet, c.platform.Addresses().Payment.API+"/payments/"+url.PathEscape(order), nil, &out)
	return out, err
}
