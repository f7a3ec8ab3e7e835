package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

// patience bounds every wait of a test for something that happens by itself.
const patience = 30 * time.Second

// shared is the platform that most tests look at. Each makes orders of its own.
var shared *world

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "murmur-cli")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
		if shared, err = startWorld(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		code := m.Run()
		if err := shared.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "the platform ended with:", err)
			code = 1
		}
		http.DefaultClient.CloseIdleConnections()
		if err := goleak.Find(); err != nil && code == 0 {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		return code
	}())
}

// world is a running platform.
type world struct {
	data string
	embedded.Addresses
	cancel context.CancelFunc
	ended  chan error
}

func startWorld(data string) (*world, error) {
	return startOn(embedded.Config{Data: data, Logger: zap.NewNop()})
}

// startOn is startWorld for a platform of any kind.
func startOn(cfg embedded.Config) (*world, error) {
	p, err := embedded.Open(cfg)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &world{data: cfg.Data, Addresses: p.Addresses, cancel: cancel, ended: make(chan error, 1)}
	ready := make(chan struct{})
	go func() { w.ended <- p.Run(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
		return w, nil
	case err := <-w.ended:
		cancel()
		return nil, fmt.Errorf("the platform did not start: %w", err)
	}
}

func (w *world) stop() error {
	w.cancel()
	return <-w.ended
}

// post sends JSON and returns the answer's body.
func post(t *testing.T, url, body string) string {
	t.Helper()
	answer, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		t.Fatalf("POST %s: %s %v\n%s", url, answer.Status, err, text)
	}
	return string(text)
}

// stock receives pieces of an SKU.
func (w *world) stock(t *testing.T, sku string, pieces int) {
	t.Helper()
	post(t, w.Inventory.API+"/stock/"+sku+"/receipts", fmt.Sprintf(`{"id": "first", "quantity": %d}`, pieces))
}

// place orders 3 pieces of an SKU, and postage, and waits until all is settled.
func (w *world) place(t *testing.T, id, sku, card string) {
	t.Helper()
	post(t, w.Order.API+"/orders", fmt.Sprintf(`{"order_id": %q, "currency": "GBP", "payment_method": %q, "lines": [
		{"sku": %q, "quantity": 3, "amount": 1234}, {"sku": "POST", "quantity": 1, "amount": 300, "kind": "SERVICE"}]}`, id, card, sku))
	w.settle(t, id)
}

func (w *world) settle(t *testing.T, id string) {
	t.Helper()
	eventually(t, "order "+id+" is settled", func() bool {
		answer, err := http.Get(w.Order.API + "/orders/" + id + "?wait=10s")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }()
		var order struct{ Settled bool }
		return json.NewDecoder(answer.Body).Decode(&order) == nil && order.Settled
	})
}

// eventually polls: what it waits for is done by the services' own goroutines.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for begin := time.Now(); !done(); {
		time.Sleep(10 * time.Millisecond) //nolint:forbidigo // polls with a deadline
		if time.Since(begin) > patience {
			t.Fatalf("after %v: not yet that %s", patience, what)
		}
	}
}

// murmur runs a command line.
func murmur(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	err := Execute(t.Context(), args, &out, &errs)
	return out.String(), errs.String(), run.ExitCode(err)
}

// succeed is murmur for a command that must.
func succeed(t *testing.T, args ...string) string {
	t.Helper()
	out, errs, code := murmur(t, args...)
	if code != run.ExitOK || errs != "" {
		t.Fatalf("murmur %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// contains fails unless text has all parts.
func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in\n%s", part, text)
		}
	}
}

// brokerOnly runs a broker without anything else, and with the topics, if so.
func brokerOnly(t *testing.T, specs ...kafka.TopicSpec) (address string, client *kafka.Client) {
	t.Helper()
	address = kafkatest.Start(t)[0]
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{address}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if _, err := client.ApplyTopics(t.Context(), specs...); err != nil {
		t.Fatal(err)
	}
	return address, client
}

// produce commits records.
func produce(t *testing.T, client *kafka.Client, records ...kafka.Record) {
	t.Helper()
	p, err := kafka.NewProducer(client, kafka.ProducerConfig{TransactionalID: "test"})
	if err == nil {
		err = p.Init(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	txn, err := p.Begin()
	if err == nil {
		err = txn.Produce(t.Context(), records...)
	}
	if err == nil {
		err = txn.Commit(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// lines are the JSON values of an NDJSON text.
func lines[T any](t *testing.T, text string) []T {
	t.Helper()
	var out []T
	for d := json.NewDecoder(strings.NewReader(text)); ; {
		var v T
		err := d.Decode(&v)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		out = append(out, v)
	}
}

// live is a buffer that can be read while a command writes to it.
type live struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *live) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *live) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
