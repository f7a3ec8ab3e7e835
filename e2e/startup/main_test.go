// Package startup is what an operator sees when a platform cannot run as it is: it
// says so, ends with an exit code that a supervisor understands, and spoils nothing.
package startup

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/murmuration-dev/murmuration/e2e/client"
	"github.com/murmuration-dev/murmuration/e2e/stack"
)

// Exit codes, as documented for operators.
const (
	exitUsage        = 2
	exitInconsistent = 3
	exitConfig       = 78
)

var murmur string // the program

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "murmur")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }() // of a temporary folder
	if murmur, err = stack.BuildMurmur(context.Background(), dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	return code
}

// up starts a platform on a data folder, for the length of the test.
func up(t *testing.T, data string) *stack.Process {
	t.Helper()
	return start(t, stack.ProcessConfig{Binary: murmur, Data: data})
}

func start(t *testing.T, cfg stack.ProcessConfig) *stack.Process {
	t.Helper()
	p, err := stack.NewProcess(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(p.Log())
		}
	})
	return p
}

// expectSaid waits for words in the log, which reaches the test by a pipe and so
// may lag behind what the platform already does.
func expectSaid(t *testing.T, p *stack.Process, words string) {
	t.Helper()
	for end := time.Now().Add(patience); !strings.Contains(p.Log(), words); time.Sleep(10 * time.Millisecond) { //nolint:forbidigo // polls with a deadline
		if time.Now().After(end) {
			t.Errorf("%q was not said:\n%s", words, p.Log())
			return
		}
	}
}

// newFolder is a data folder that a platform has used.
func newFolder(t *testing.T) string {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	down(t, up(t, data))
	return data
}

func down(t *testing.T, p *stack.Process) {
	t.Helper()
	if err := p.Stop(t.Context(), stack.Everything); err != nil {
		t.Fatal(err)
	}
}

// expectRefusal starts a platform and expects it to end by itself, with a code and
// with words that help, before or after it was ready.
func expectRefusal(t *testing.T, data string, code int, words ...string) {
	t.Helper()
	p, err := stack.NewProcess(t.Context(), stack.ProcessConfig{Binary: murmur, Data: data})
	var exit *stack.ExitError
	if err == nil {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if exit, err = p.Wait(ctx); err != nil {
			t.Fatal("it goes on", errors.Join(err, p.Close()), p.Log())
		}
	} else if !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit.Code != code {
		t.Errorf("exit code %d, want %d: %s", exit.Code, code, exit.Stderr)
	}
	for _, w := range words {
		if !strings.Contains(exit.Stderr, w) {
			t.Errorf("the message lacks %q: %s", w, exit.Stderr)
		}
	}
	if strings.Contains(exit.Stderr, "goroutine ") {
		t.Errorf("a stack trace is no message: %s", exit.Stderr)
	}
}

// buy places an order and waits until it has completed.
func buy(t *testing.T, c *client.Client, id, sku string) {
	t.Helper()
	if _, err := c.Place(t.Context(), order(id, sku)); err != nil {
		t.Fatal(err)
	}
	expectCompleted(t, c, id)
}

func order(id, sku string) client.NewOrder {
	return client.NewOrder{
		OrderID: id, Key: id, Currency: "GBP", PaymentMethod: "pm_card_visa",
		Lines: []client.NewLine{{SKU: sku, Quantity: 1, Amount: 100}},
	}
}

func expectCompleted(t *testing.T, c *client.Client, id string) {
	t.Helper()
	o, err := c.Wait(t.Context(), id, patience)
	if err != nil || o.Status != client.Completed || !o.Settled {
		t.Fatalf("order %s: %+v, %v; want it completed", id, o, err)
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

// occupy takes a port for the length of the test, if nobody has it yet.
func occupy(t *testing.T, port int) {
	t.Helper()
	if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
		t.Cleanup(func() { _ = l.Close() })
	}
}
