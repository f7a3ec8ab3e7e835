package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/eventstoretest"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres/postgrestest"
)

// server serves all tests of the package; each has a schema of its own.
var server *postgrestest.Server

func TestMain(m *testing.M) {
	eventstoretest.Main(func(ctx context.Context, url string) (eventstore.Store, error) {
		return open(ctx, url)
	})
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	server, err = postgrestest.Start(context.Background())
	if errors.Is(err, postgrestest.ErrNoServer) && os.Getenv("CI") == "" {
		fmt.Fprintln(os.Stderr, "NOT RUN, every test that needs a database:", err)
		return m.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	err = server.Stop()
	if code == 0 && err == nil {
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// needServer ends a test that cannot be run here; in CI it fails.
func needServer(tb testing.TB) {
	tb.Helper()
	if server == nil {
		tb.Skip("NOT RUN: ", postgrestest.ErrNoServer)
	}
}

var schemas atomic.Int64

// newDatabase returns the URL of an empty schema that is gone after the test.
func newDatabase(tb testing.TB) string {
	tb.Helper()
	needServer(tb)
	url, drop, err := server.Schema(tb.Context(), fmt.Sprintf("test_%d_%d", os.Getpid(), schemas.Add(1)))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := drop(ctx); err != nil {
			tb.Error(err)
		}
	})
	return url
}

func open(ctx context.Context, url string) (*postgres.Store, error) {
	return postgres.Open(ctx, postgres.Config{URL: url, Migrate: true, Migrations: []fs.FS{eventstoretest.Migrations()}})
}

// openStore opens a fresh store, which is closed before its data go.
func openStore(tb testing.TB) *postgres.Store {
	tb.Helper()
	return openAt(tb, newDatabase(tb))
}

func openAt(tb testing.TB, url string) *postgres.Store {
	tb.Helper()
	s, err := open(tb.Context(), url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	needServer(t)
	eventstoretest.Run(t, func(t *testing.T) eventstoretest.Harness {
		url := newDatabase(t)
		current := openAt(t, url)
		reopen := func(t *testing.T) eventstore.Store {
			t.Helper()
			if err := current.Close(); err != nil {
				t.Fatal(err)
			}
			current = openAt(t, url)
			return current
		}
		deserted := func(t *testing.T) {
			t.Helper()
			alone := connect(t, url)
			eventually(t, "the server has noticed that its clients are gone", func() bool {
				return alone.number(`SELECT count(*) FROM pg_stat_activity
					WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`) == 0
			})
			check(t, alone.conn.Close(within(t)))
		}
		return eventstoretest.Harness{Store: current, Reopen: reopen, Deserted: deserted, DSN: url, ConcurrentWriters: true}
	})
}
