package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Faults are what is wrong with the gateway as a whole.
type Faults struct {
	Down      bool    `json:"down"`
	LatencyMS int64   `json:"latency_ms"`
	ErrorRate float64 `json:"error_rate"`
	Seed      uint64  `json:"seed"`
}

// SetFaults puts faults in force, replacing those before.
func (c *Client) SetFaults(ctx context.Context, f Faults) error {
	return c.call(ctx, http.MethodPut, c.platform.Addresses().Gateway+"/_sim/faults", f, nil)
}

// Charge is one payment as the gateway's ledger has it, in minor units.
type Charge struct {
	ID         string `json:"id"`
	OrderID    string `json:"order_id"`
	Currency   string `json:"currency"`
	Amount     int64  `json:"amount"`
	Authorized int64  `json:"authorized"`
	Captured   int64  `json:"captured"`
	Refunded   int64  `json:"refunded"`
	Held       int64  `json:"held"`
	Status     string `json:"status"`
	Confirms   int    `json:"confirms"`
	Captures   int    `json:"captures"`
	Tries      int    `json:"tries"`
}

// Ledger returns all payments of the gateway.
func (c *Client) Ledger(ctx context.Context) ([]Charge, error) {
	a, err := c.Raw(ctx, http.MethodGet, c.platform.Addresses().Gateway+"/_sim/ledger", "", http.NoBody)
	if err != nil {
		return nil, err
	}
	if a.Status != http.StatusOK {
		return nil, fmt.Errorf("ledger: status %d: %s", a.Status, a.Body)
	}
	var out []Charge
	for lines := json.NewDecoder(bytes.NewReader(a.Body)); ; {
		var e Charge
		if err := lines.Decode(&e); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, fmt.Errorf("ledger: %w", err)
		}
		out = append(out, e)
	}
}

// Charges returns what the gateway's ledger has of one order.
func (c *Client) Charges(ctx context.Context, order string) ([]Charge, error) {
	all, err := c.Ledger(ctx)
	var out []Charge
	for _, e := range all {
		if e.OrderID == order {
			out = append(out, e)
		}
	}
	return out, err
}
