//go:build e2e

package journey

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/murmuration-dev/murmuration/e2e/checker"
	"github.com/murmuration-dev/murmuration/e2e/client"
	"github.com/murmuration-dev/murmuration/e2e/stack"
)

// The shared platform is what people run: three brokers, and a customer's requests
// go to one replica now, to another then.
const (
	brokers  = 3
	replicas = 2
)

func openShared(ctx context.Context, _ string) (place, error) {
	return open(ctx, stack.ContainersConfig{Brokers: brokers, Replicas: replicas})
}

func open(ctx context.Context, cfg stack.ContainersConfig) (place, error) {
	s, err := stack.NewContainers(ctx, cfg)
	if err != nil {
		return place{}, err
	}
	stores := make(checker.Stores)
	for _, service := range client.Services() {
		stores[service] = checker.PostgreSQL(s.DatabaseURL(service))
	}
	return place{Stack: s, stores: stores, log: func() string { return keepLogs(s) }}, nil
}

// keepLogs leaves the logs in files and returns their ends.
func keepLogs(s *stack.Containers) string {
	folder, err := s.KeepLogs(context.Background())
	if err != nil {
		return fmt.Sprintf("logs in %s: %v\n%s", folder, err, s.Log())
	}
	return fmt.Sprintf("logs in %s\n%s", folder, s.Log())
}

// spoilt is a small platform that those who spoil logs use one after another: one
// each would be a minute more of starting containers.
var spoilt struct {
	turn sync.Mutex
	place
}

// openOwn starts it for the first who asks, and waits for others to leave.
func openOwn(t *testing.T) place {
	t.Helper()
	spoilt.turn.Lock()
	t.Cleanup(spoilt.turn.Unlock)
	if spoilt.Stack == nil {
		own, err := open(t.Context(), stack.ContainersConfig{})
		if err != nil {
			t.Fatal(err)
		}
		spoilt.place = own
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(spoilt.log())
		}
	})
	return spoilt.place
}

// closeOwn removes what openOwn started.
func closeOwn() error {
	if spoilt.Stack == nil {
		return nil
	}
	return spoilt.Close()
}
