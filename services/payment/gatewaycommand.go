package payment

import (
	"fmt"
	"strings"
)

// GatewayCommand is what has to be asked of the gateway. Key is its idempotency
// key: the order, the kind, and the cumulative amounts from → to, such as
// "536365/refund/0-500". The same state always gives the same command.
type GatewayCommand struct {
	Key       string
	OrderID   string
	Kind      Kind
	GatewayID string // empty for CREATE
	Amount    int64  // what to create, confirm, capture or refund now: To − From
	From      int64
	To        int64
	Currency  string
	Method    string
	Since     int64 // microseconds: when it went in flight
}

// Pending returns the gateway command that is in flight, if there is one. A
// caller stores it as an intent under its key, in the commit that put it in
// flight, and records the outcome with one of the Record commands.
func (s State) Pending() (GatewayCommand, bool) {
	f := s.InFlight
	if f.Kind == KindNone {
		return GatewayCommand{}, false
	}
	return GatewayCommand{
		Key:       fmt.Sprintf("%s/%s/%d-%d", s.OrderID, strings.ToLower(string(f.Kind)), f.From, f.To),
		OrderID:   s.OrderID,
		Kind:      f.Kind,
		GatewayID: s.GatewayID,
		Amount:    f.To - f.From,
		From:      f.From,
		To:        f.To,
		Currency:  s.Currency,
		Method:    s.Method,
		Since:     f.Since,
	}, true
}
