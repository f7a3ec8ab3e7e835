//go:build !e2e

package journey

import (
	"context"
	"testing"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/e2e/checker"
	"github.com/murmuration-dev/murmuration/e2e/stack"
)

func openShared(ctx context.Context, data string) (place, error) {
	s, err := stack.NewInProcess(ctx, embedded.Config{Data: data})
	if err != nil {
		return place{}, err
	}
	return place{Stack: s, stores: checker.Databases(data), log: s.Log}, nil
}

// openOwn starts a platform for one test.
func openOwn(t *testing.T) place {
	t.Helper()
	own, err := openShared(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := own.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(own.log())
		}
	})
	return own
}

// closeOwn has nothing to close: each test has.
func closeOwn() error { return nil }
