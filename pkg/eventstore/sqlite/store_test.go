package sqlite_test

import (
	"context"
	"fmt"
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

// A relay that starts its scan behind the mark must miss nothing.
func TestSafeMark_CoversEveryRowThatCanStillAppear(t *testing.T) {
	ctx := t.Context()
	store, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(t.TempDir(), "mark.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	if mark, err := store.SafeMark(ctx); err != nil || mark != 0 {
		t.Fatalf("empty outbox: mark %d, %v", mark, err)
	}
	var last int64
	for i := range 3 {
		id := eventstore.StreamID{Kind: "order", ID: fmt.Sprint(i)}
		tx, err := store.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Load(ctx, id); err != nil {
			t.Fatal(err)
		}
		err = tx.Commit(ctx, eventstore.Unit{Changes: []eventstore.Change{{
			Stream: id, Events: []eventstore.NewEvent{{Type: "Placed", Schema: 1, Data: []byte(`{}`)}}, State: []byte(`{}`),
			Record: &eventstore.Record{Topic: "orders", Key: id.ID, Value: []byte("v")},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		mark, err := store.SafeMark(ctx)
		if err != nil || mark <= last {
			t.Fatalf("mark %d after %d, %v", mark, last, err)
		}
		rows, err := store.Pending(ctx, last, 10, 1<<20)
		if err != nil || len(rows) != 1 || rows[0].Seq != mark {
			t.Fatalf("%d rows behind %d, %v", len(rows), last, err)
		}
		last = mark
	}
}
