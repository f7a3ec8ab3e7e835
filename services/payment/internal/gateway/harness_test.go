package gateway_test

import (
	"context"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/murmuration-dev/murmuration/services/payment/gatewaysim"
	"github.com/murmuration-dev/murmuration/services/payment/internal/gateway"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patient is far above what any answer needs, impatient far below any mishap's
// duration.
const (
	patient   = 20 * time.Second
	impatient = 150 * time.Millisecond
)

// fixture is a running simulated gateway with a client.
type fixture struct {
	t       *testing.T
	dir     string
	address string
	sim     *gatewaysim.Server
	end     func()
	clock   *clock
	control gatewaysim.Control
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

const keyTTL = time.Hour

func start(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{
		t: t, dir: filepath.Join(t.TempDir(), "ledger"), address: "127.0.0.1:0",
		clock: &clock{now: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)},
	}
	f.open()
	t.Cleanup(func() { f.end() })
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	f.control = gatewaysim.Control{URL: f.sim.URL(), Client: client}
	return f
}

// open starts the gateway; a second time it has the same address and ledger.
func (f *fixture) open() {
	f.t.Helper()
	sim, err := gatewaysim.New(gatewaysim.Config{
		DataDir: f.dir, Listen: f.address, APIKey: "sk_test_1", KeyTTL: keyTTL,
		LateDelay: 2 * impatient, Now: f.clock.Now,
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.sim = sim
	f.address = sim.URL()[len("http://"):]
	done := make(chan error, 1)
	go func() { done <- sim.Run(context.Background()) }()
	f.end = sync.OnceFunc(func() {
		if err := sim.Close(); err != nil {
			f.t.Errorf("close gateway: %v", err)
		}
		if err := <-done; err != nil {
			f.t.Errorf("run gateway: %v", err)
		}
	})
}

func (f *fixture) client(timeout time.Duration) *gateway.Stripe {
	f.t.Helper()
	return newClient(f.t, gateway.StripeConfig{URL: f.sim.URL(), APIKey: "sk_test_1", Timeout: timeout})
}

func newClient(t *testing.T, cfg gateway.StripeConfig) *gateway.Stripe {
	t.Helper()
	c, err := gateway.NewStripe(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// create makes a payment of 1000 for order-1.
func (f *fixture) create(method string) string {
	f.t.Helper()
	p, err := f.client(patient).Create(f.t.Context(), gateway.CreateRequest{
		IdempotencyKey: "create", OrderID: "order-1", Amount: 1000, Currency: "GBP", PaymentMethod: method,
	})
	if err != nil {
		f.t.Fatal(err)
	}
	if p.Status != gateway.Created {
		f.t.Fatalf("created payment is %s", p.Status)
	}
	return p.ID
}

// authorized makes a payment that holds 1000.
func (f *fixture) authorized(method string) string {
	f.t.Helper()
	id := f.create(method)
	if _, err := f.client(patient).Confirm(f.t.Context(), id, "confirm"); err != nil {
		f.t.Fatal(err)
	}
	return id
}

func (f *fixture) captured(method string) string {
	f.t.Helper()
	id := f.authorized(method)
	if _, err := f.client(patient).Capture(f.t.Context(), id, "capture"); err != nil {
		f.t.Fatal(err)
	}
	return id
}

// entry is the only line of the gateway's own books.
func (f *fixture) entry() gatewaysim.Entry {
	f.t.Helper()
	var found []gatewaysim.Entry
	for e, err := range f.control.Ledger(f.t.Context()) {
		if err != nil {
			f.t.Fatal(err)
		}
		found = append(found, e)
	}
	if len(found) != 1 {
		f.t.Fatalf("the ledger has %d payments, want 1: %v", len(found), found)
	}
	return found[0]
}

// eventually polls, because some effects arrive after the answer was given up.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(patient)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("not within %v: %s", patient, what)
		case <-tick.C:
		}
	}
}
