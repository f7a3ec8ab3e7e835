package client

import (
	"context"
	"fmt"
	"net/http"
)

// Overview is what a service says of itself to operators.
type Overview struct {
	Service   string `json:"service"`
	Positions []struct {
		Topic     string `json:"topic"`
		Partition int32  `json:"partition"`
		Next      int64  `json:"next"`
	} `json:"positions"`
	Waiting       int64          `json:"waiting"`
	Parked        []ParkedRecord `json:"parked"`
	ParkedIntents []Intent       `json:"parked_intents"`
	Pending       []Intent       `json:"pending_intents"`
}

// ParkedRecord is a record that was set aside.
type ParkedRecord struct {
	Topic  string `json:"topic"`
	Key    string `json:"key"`
	Offset int64  `json:"offset"`
	Reason string `json:"reason"`
	Value  []byte `json:"value"`
}

// Intent is an effect that a service still owes.
type Intent struct {
	Key       string `json:"key"`
	Kind      string `json:"kind"`
	Attempts  int    `json:"attempts"`
	LastError string `json:"last_error"`
}

// Services are the names that Overview takes.
func Services() []string { return []string{"order", "payment", "inventory"} }

// Overview asks a service by its name.
func (c *Client) Overview(ctx context.Context, service string) (Overview, error) {
	var out Overview
	a := c.platform.Addresses()
	ops, ok := map[string]string{"order": a.Order.Ops, "payment": a.Payment.Ops, "inventory": a.Inventory.Ops}[service]
	if !ok {
		return out, fmt.Errorf("no service %q", service)
	}
	err := c.call(ctx, http.MethodGet, ops+"/inspect", nil, &out)
	return out, err
}
