package sqlite_test

import (
	"context"
	"io/fs"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/eventstoretest"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/sqlite"
)

func TestMain(m *testing.M) {
	eventstoretest.Main(func(ctx context.Context, path string) (eventstore.Store, error) {
		return open(ctx, path)
	})
	goleak.VerifyTestMain(m)
}

func TestStore(t *testing.T) {
	eventstoretest.Run(t, func(t *testing.T) eventstoretest.Harness {
		path := filepath.Join(t.TempDir(), "store.db")
		current, err := open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := current.Close(); err != nil {
				t.Error(err)
			}
		})
		reopen := func(t *testing.T) eventstore.Store {
			t.Helper()
			if err := current.Close(); err != nil {
				t.Fatal(err)
			}
			again, err := open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			current = again
			return again
		}
		return eventstoretest.Harness{Store: current, Reopen: reopen, DSN: path}
	})
}

func open(ctx context.Context, path string) (*sqlite.Store, error) {
	return sqlite.Open(ctx, sqlite.Config{Path: path, Migrations: []fs.FS{eventstoretest.Migrations()}})
}
