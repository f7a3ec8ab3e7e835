package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Statuses of an order.
const (
	Placed    = "PLACED"
	Confirmed = "CONFIRMED"
	Completed = "COMPLETED"
	Cancelled = "CANCELLED"
	Returned  = "RETURNED"
)

// NewOrder is what a customer orders. Amounts are in minor units.
type NewOrder struct {
	OrderID       string    `json:"order_id,omitempty"`
	Customer      string    `json:"customer,omitempty"`
	Currency      string    `json:"currency"`
	PaymentMethod string    `json:"payment_method,omitempty"`
	Lines         []NewLine `json:"lines"`
	Deadline      int64     `json:"deadline_seconds,omitempty"`

	// Key is the Idempotency-Key.
	Key string `json:"-"`
}

// NewLine is a line of a NewOrder. Amount is for the whole line.
type NewLine struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
	Amount   int64  `json:"amount"`
	Kind     string `json:"kind,omitempty"`
}

// Total is what the order costs.
func (o NewOrder) Total() int64 {
	var total int64
	for _, l := range o.Lines {
		total += l.Amount
	}
	return total
}

// Order is an order as the service shows it.
type Order struct {
	OrderID     string       `json:"order_id"`
	Version     int64        `json:"version"`
	Status      string       `json:"status"`
	Settled     bool         `json:"settled"`
	Reason      string       `json:"reason"`
	Detail      string       `json:"detail"`
	Customer    string       `json:"customer"`
	Currency    string       `json:"currency"`
	Total       int64        `json:"total"`
	RefundDue   int64        `json:"refund_due"`
	Lines       []Line       `json:"lines"`
	Payment     *SeenPayment `json:"payment"`
	Reservation *SeenStock   `json:"reservation"`
	Deadline    time.Time    `json:"deadline"`
	PlacedAt    time.Time    `json:"placed_at"`
	UpdatedAt   time.Time    `json:"updated_at"`
}

// Line is a line of an Order.
type Line struct {
	Line     int32  `json:"line"`
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
	Amount   int64  `json:"amount"`
	Kind     string `json:"kind"`
	Returned int64  `json:"returned"`
}

// SeenPayment is the payment as the order has seen it.
type SeenPayment struct {
	Status   string `json:"status"`
	Captured int64  `json:"captured"`
	Refunded int64  `json:"refunded"`
	Reason   string `json:"reason"`
}

// SeenStock is the reservation as the order has seen it.
type SeenStock struct {
	Status    string `json:"status"`
	Restocked int64  `json:"restocked"`
	Reason    string `json:"reason"`
}

// Place places an order.
func (c *Client) Place(ctx context.Context, o NewOrder) (Order, error) {
	var out Order
	err := c.call(ctx, http.MethodPost, c.orders(), o, &out, idempotent(o.Key)...)
	if err == nil {
		c.history.placed(out.OrderID, o)
		c.history.told(orderThing(out.OrderID), 0, out.fact()) // a repeated request has the first one's answer
	}
	return out, err
}

// Order returns an order as it is now.
func (c *Client) Order(ctx context.Context, id string) (Order, error) {
	return c.tell(id, func(out *Order) error { return c.call(ctx, http.MethodGet, c.orders(id), nil, out) })
}

// Wait returns an order once it is settled, or as it is after so long.
func (c *Client) Wait(ctx context.Context, id string, within time.Duration) (Order, error) {
	return c.tell(id, func(out *Order) error {
		return c.call(ctx, http.MethodGet, c.orders(id)+"?wait="+within.String(), nil, out)
	})
}

// Cancel cancels an order that is not confirmed yet.
func (c *Client) Cancel(ctx context.Context, id, reason string) (Order, error) {
	return c.tell(id, func(out *Order) error {
		return c.call(ctx, http.MethodPost, c.orders(id, "cancel"), map[string]string{"reason": reason}, out)
	})
}

// tell enters what a request answers about an order, and holds it against what
// was answered before the request was sent.
func (c *Client) tell(id string, request func(*Order) error) (Order, error) {
	var out Order
	floor := c.history.floor(orderThing(id))
	err := request(&out)
	if err == nil {
		c.history.told(orderThing(id), floor, out.fact())
	}
	return out, err
}

// ReturnLine says how many units of a line come back.
type ReturnLine struct {
	Line     int32 `json:"line"`
	Quantity int64 `json:"quantity"`
}

// Return gives lines of a completed order back.
func (c *Client) Return(ctx context.Context, id, returnID string, lines ...ReturnLine) (Order, error) {
	in := map[string]any{"return_id": returnID, "lines": lines}
	out, err := c.tell(id, func(out *Order) error {
		return c.call(ctx, http.MethodPost, c.orders(id, "returns"), in, out)
	})
	if err == nil {
		c.history.returned(id, returnID, lines)
	}
	return out, err
}

// ListedOrder is one row of a list.
type ListedOrder struct {
	OrderID string `json:"order_id"`
	Status  string `json:"status"`
}

// List returns a page of orders behind an id; an empty status means all.
func (c *Client) List(ctx context.Context, status, after string, limit int) ([]ListedOrder, error) {
	q := url.Values{"limit": {fmt.Sprint(limit)}}
	if status != "" {
		q.Set("status", status)
	}
	if after != "" {
		q.Set("after", after)
	}
	var out struct {
		Orders []ListedOrder `json:"orders"`
	}
	err := c.call(ctx, http.MethodGet, c.orders()+"?"+q.Encode(), nil, &out)
	return out.Orders, err
}

// Event is one entry of a history.
type Event struct {
	Version       int64           `json:"version"`
	Type          string          `json:"type"`
	At            time.Time       `json:"at"`
	Data          json.RawMessage `json:"data"`
	CorrelationID string          `json:"correlation_id"`
	CausationID   string          `json:"causation_id"`
}

// OrderHistory returns what happened to an order.
func (c *Client) OrderHistory(ctx context.Context, id string) ([]Event, error) {
	return c.events(ctx, c.orders(id, "history"))
}

// PaymentHistory returns what happened to an order's payment.
func (c *Client) PaymentHistory(ctx context.Context, id string) ([]Event, error) {
	return c.events(ctx, c.platform.Addresses().Payment.API+"/payments/"+url.PathEscape(id)+"/history")
}

func (c *Client) events(ctx context.Context, url string) ([]Event, error) {
	var out struct {
		Events []Event `json:"events"`
	}
	err := c.call(ctx, http.MethodGet, url, nil, &out)
	return out.Events, err
}

func (c *Client) orders(path ...string) string {
	u := c.platform.Addresses().Order.API + "/orders"
	for _, p := range path {
		u += "/" + url.PathEscape(p)
	}
	return u
}
