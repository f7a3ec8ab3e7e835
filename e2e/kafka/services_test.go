//go:build e2e

package kafka_test

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded/registry"
	"github.com/murmuration-dev/murmuration/e2e/client"
	"github.com/murmuration-dev/murmuration/e2e/stack/hostport"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/schemas"
	inventory "github.com/murmuration-dev/murmuration/services/inventory/app"
	order "github.com/murmuration-dev/murmuration/services/order/app"
	payment "github.com/murmuration-dev/murmuration/services/payment/app"
	"github.com/murmuration-dev/murmuration/services/payment/gatewaysim"
)

// fixed is a platform by its addresses.
type fixed embedded.Addresses

func (a fixed) Addresses() embedded.Addresses { return embedded.Addresses(a) }

// completeAnOrder runs the three services, each as its own user over TLS, and buys
// something.
func (r *rig) completeAnOrder() {
	r.t.Helper()
	dir := r.t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	r.must(os.WriteFile(ca, r.cluster.Authority.PEM(), 0o600))
	reg, err := registry.Open(filepath.Join(dir, "registry"))
	r.must(err)
	schemaRegistry := httptest.NewServer(reg.Handler())
	cards, err := gatewaysim.New(gatewaysim.Config{DataDir: filepath.Join(dir, "gateway")})
	r.must(err)
	gateway := httptest.NewServer(cards.Handler())
	r.t.Cleanup(func() {
		gateway.Close()
		schemaRegistry.Close()
		r.must(cards.Close())
		r.must(reg.Close())
	})
	var where fixed
	settings := func(service string, s *embedded.Service) participant.Settings {
		api, err := hostport.Free(hostport.Loopback)
		r.must(err)
		s.API = "http://" + api
		return participant.Settings{
			Listen: api, OpsListen: "127.0.0.1:0", DatabaseURL: "sqlite://" + filepath.Join(dir, service+".db"),
			KafkaBrokers: r.cluster.Secure(), KafkaTLS: true, KafkaCAFile: ca, KafkaUsername: service, KafkaPassword: service,
			RegistryURL: schemaRegistry.URL, LogLevel: "warn", LogFormat: "console",
		}
	}
	orders := order.Config{Settings: settings(schemas.OrderService, &where.Order), Deadline: limit}
	payments := payment.Config{Settings: settings(schemas.PaymentService, &where.Payment), GatewayURL: gateway.URL, GatewayKey: "sk_test", GatewayTimeout: 10 * time.Second}
	stocks := inventory.Config{Settings: settings(schemas.InventoryService, &where.Inventory)}
	serve(r, func(ctx context.Context, d participant.Deps) error { return order.Run(ctx, orders, d) })
	serve(r, func(ctx context.Context, d participant.Deps) error { return payment.Run(ctx, payments, d) })
	serve(r, func(ctx context.Context, d participant.Deps) error { return inventory.Run(ctx, stocks, d) })
	c := client.New(where)
	defer c.Close()
	_, err = c.Receive(r.ctx, "TEAPOT", "first", 10)
	r.must(err)
	placed, err := c.Place(r.ctx, client.NewOrder{Currency: "GBP", PaymentMethod: "pm_card_visa", Key: "1", Lines: []client.NewLine{{SKU: "TEAPOT", Quantity: 2, Amount: 1598}}})
	r.must(err)
	r.eventually("its end", func() bool {
		o, err := c.Wait(r.ctx, placed.OrderID, 10*time.Second)
		r.must(err)
		if o.Settled && o.Status != client.Completed {
			r.t.Fatalf("the order is %s: %s", o.Status, o.Reason)
		}
		return o.Status == client.Completed
	})
}

// serve runs a service until the test ends, and returns when it answers.
func serve(r *rig, run func(context.Context, participant.Deps) error) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.ctx))
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- run(ctx, participant.Deps{Ready: func() { close(ready) }}) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	})
	select {
	case <-ready:
	case err := <-done:
		done <- nil
		r.t.Fatalf("a service ended: %v", err)
	case <-r.ctx.Done():
		r.t.Fatal("a service does not answer")
	}
}
