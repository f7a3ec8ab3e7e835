package gatewaysim_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/murmuration-dev/murmuration/services/payment/gatewaysim"
)

// A gateway on a port of its own, asked for a payment and then for its books.
func Example() {
	dir, err := os.MkdirTemp("", "gatewaysim")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	server, err := gatewaysim.New(gatewaysim.Config{DataDir: dir, Listen: "127.0.0.1:0"})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()

	client := &http.Client{Transport: &http.Transport{}}
	form := url.Values{
		"amount": {"1250"}, "currency": {"gbp"}, "capture_method": {"manual"},
		"payment_method": {"pm_card_visa"}, "metadata[order_id]": {"order-42"},
	}
	req, err := http.NewRequest(http.MethodPost, server.URL()+"/v1/payment_intents", strings.NewReader(form.Encode()))
	if err != nil {
		fmt.Println(err)
		return
	}
	req.Header.Set("Authorization", "Bearer sk_test_1")
	if res, err := client.Do(req); err == nil {
		defer res.Body.Close()
		fmt.Println(res.Status)
	}
	for entry, err := range (gatewaysim.Control{URL: server.URL(), Client: client}).Ledger(ctx) {
		fmt.Println(entry.OrderID, entry.Amount, entry.Currency, entry.Status, "holds", entry.Held, err)
	}
	client.CloseIdleConnections()
	cancel()
	fmt.Println(<-done)
	// Output:
	// 200 OK
	// order-42 1250 GBP requires_confirmation holds 0 <nil>
	// <nil>
}
