// Package journey is what customers, warehouses and operators see of a whole
// platform: one file per behaviour, over the public APIs alone.
//
// The same journeys run on two platforms: the embedded one inside the test's
// process, where the race detector sees all of it, and, with the build tag e2e, on
// Apache Kafka and PostgreSQL in containers, with several replicas of each service.
//
// The tests share one platform; they keep apart by their own SKUs and order ids.
// Those that break something for all (the gateway) run one by one, the others at
// once. When all have passed, what the platform keeps is checked as a whole.
package journey

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/murmuration-dev/murmuration/e2e/checker"
	"github.com/murmuration-dev/murmuration/e2e/client"
	"github.com/murmuration-dev/murmuration/e2e/stack"
)

// place is a platform to journey on.
type place struct {
	stack.Stack
	stores checker.Stores
	log    func() string // for people, before it is closed
}

var (
	platform place
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
	if platform, err = openShared(ctx, data); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	everyone = client.New(platform)

	code := m.Run()
	if code == 0 {
		if err := checkWhole(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "after all journeys:", err)
			code = 1
		}
	}
	everyone.Close()
	if code != 0 {
		fmt.Fprintf(os.Stderr, "log of the platform:\n%s", platform.log())
	}
	if err := errors.Join(closeOwn(), platform.Close()); err != nil {
		fmt.Fprintln(os.Stderr, "stop:", err)
		code = 1
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	return code
}

// checkWhole compares what was acknowledged with all that the platform keeps.
func checkWhole(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := checker.AwaitQuiet(ctx, everyone, platform.stores); err != nil {
		return err
	}
	found, err := checker.Read(ctx, platform.Addresses(), platform.stores)
	if err != nil {
		return err
	}
	return errors.Join(found.Check(everyone.History())...)
}
