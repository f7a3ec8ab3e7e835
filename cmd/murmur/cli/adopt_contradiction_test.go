package cli

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	inventory "github.com/murmuration-dev/murmuration/services/inventory/app"
	order "github.com/murmuration-dev/murmuration/services/order/app"
)

// A service that was set back took requests before it could see its topics. The
// topics win; what nobody else has heard of is published as usual.
func TestAdopt_LetsTheTopicsWinOverWhatTheDatabaseDidSince(t *testing.T) {
	data := t.TempDir()
	during(t, data, func(w *world) {
		w.stock(t, "TEAPOT", 100)
		w.place(t, "before", "TEAPOT", "pm_card_visa")
	})
	orders, stock := backup(t, data, "order"), backup(t, data, "inventory")
	during(t, data, func(w *world) {
		w.place(t, "after", "TEAPOT", "pm_card_visa")
		succeed(t, "audit", "--data", data)
	})
	orders()
	stock()
	cutOff(t, data, func(settings participant.Settings, deps participant.Deps) func(context.Context) error {
		return func(ctx context.Context) error {
			return order.Run(ctx, order.Config{Settings: settings, Deadline: time.Hour}, deps)
		}
	}, "order", func(url string) {
		for _, id := range []string{"after", "fresh"} {
			post(t, url+"/orders", fmt.Sprintf(`{"order_id": %q, "currency": "GBP", "payment_method": "pm_card_visa",
				"lines": [{"sku": "TEAPOT", "quantity": 5, "amount": 5}]}`, id))
		}
	})
	const receipts = 20 // more versions than the log has of the item
	cutOff(t, data, func(settings participant.Settings, deps participant.Deps) func(context.Context) error {
		return func(ctx context.Context) error {
			return inventory.Run(ctx, inventory.Config{Settings: settings}, deps)
		}
	}, "inventory", func(url string) {
		for i := range receipts {
			post(t, url+"/stock/TEAPOT/receipts", fmt.Sprintf(`{"id": "since-%d", "quantity": 1}`, i))
		}
		post(t, url+"/stock/KETTLE/receipts", `{"id": "first", "quantity": 7}`)
	})

	contains(t, succeed(t, "adopt", "order", "--data", data, "--apply"), "after", "withdrew")
	contains(t, succeed(t, "adopt", "inventory", "--data", data, "--apply"), "TEAPOT", "the database went on by itself")
	during(t, data, func(w *world) {
		w.settle(t, "fresh")
		succeed(t, "audit", "--data", data)
		succeed(t, "rebuild", "--data", data)
		contains(t, get(t, w.Inventory.API+"/stock/TEAPOT"), `"received":100`, `"committed":11`)
		contains(t, get(t, w.Inventory.API+"/stock/KETTLE"), `"on_hand":7`)
	})
}

// cutOff runs one service of a platform, without any broker that answers, for as
// long as work takes.
func cutOff(t *testing.T, data string, serve func(participant.Settings, participant.Deps) func(context.Context) error, name string, work func(url string)) {
	t.Helper()
	err := embedded.Aside(t.Context(), data, func(ctx context.Context, s embedded.Surroundings) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		api, ops := listen(t), listen(t)
		ready, ended := make(chan struct{}), make(chan error, 1)
		settings := participant.Settings{
			DatabaseURL: s.Database(name), KafkaBrokers: []string{"127.0.0.1:1"}, RegistryURL: s.Registry, LogLevel: "error", LogFormat: "json",
		}
		run := serve(settings, participant.Deps{API: api, Ops: ops, Ready: func() { close(ready) }, Logger: zap.NewNop()})
		go func() { ended <- run(ctx) }()
		select {
		case <-ready:
			work("http://" + api.Addr().String())
		case err := <-ended:
			return err
		}
		cancel()
		return <-ended
	})
	if err != nil {
		t.Fatal(err)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}
