// Package journey is what customers, warehouses and operators see of a whole
// platform: one file per behaviour, over the public APIs alone.
//
// The tests share one platform inside the test's process, so that the race
// detector sees all of it; they keep apart by their own SKUs and order ids. Those
// that break something for all (the gateway) run one by one, the others at once.
// When all have passed, what the platform keeps is checked as a whole.
package journey

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/e2e/checker"
	"github.com/murmuration-dev/murmuration/e2e/client"
	"github.com/murmuration-dev/murmuration/e2e/stack"
)

var (
	platform stack.Stack
	everyone *client.Client // whoever uses the shared platform
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx := context.Background()
	data, err := os.MkdirTemp("", "journey")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(data) }() // of a temporary folder
	shared, err := stack.NewInProcess(ctx, embedded.Config{Data: data})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	platform, everyone = shared, client.New(shared)

	code := m.Run()
	if code == 0 {
		if err := checkWhole(ctx, shared, data); err != nil {
			fmt.Fprintln(os.Stderr, "after all journeys:", err)
			code = 1
		}
	}
	everyone.Close()
	if err := shared.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "stop:", err)
		code = 1
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if code != 0 {
		fmt.Fprintf(os.Stderr, "log of the platform:\n%s", shared.Log())
	}
	return code
}

// checkWhole compares what was acknowledged with all that the platform keeps.
func checkWhole(ctx context.Context, of stack.Stack, data string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := checker.AwaitQuiet(ctx, everyone, checker.Databases(data)); err != nil {
		return err
	}
	found, err := checker.Read(ctx, of.Addresses(), checker.Databases(data))
	if err != nil {
		return err
	}
	return errors.Join(found.Check(everyone.History())...)
}
