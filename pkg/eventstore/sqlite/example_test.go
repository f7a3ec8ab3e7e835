package sqlite_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/sqlite"
)

// One unit of work: load, decide, commit.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx := context.Background()
	store, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(dir, "order.db")})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	tx, err := store.Begin(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer tx.Rollback()
	id := eventstore.StreamID{Kind: "order", ID: "42"}
	streams, err := tx.Load(ctx, id)
	if err != nil {
		log.Fatal(err)
	}
	err = tx.Commit(ctx, eventstore.Unit{Changes: []eventstore.Change{{
		Stream: id, Expected: streams[0].Version,
		Events: []eventstore.NewEvent{{Type: "Placed", Schema: 1, Data: []byte(`{"total":100}`)}},
		State:  []byte(`{"status":"PLACED"}`),
		Record: &eventstore.Record{Topic: "orders", Key: id.ID, Value: []byte("…")},
	}}})
	if err != nil {
		log.Fatal(err)
	}
	rows, err := store.Pending(ctx, 0, 10, 1<<20)
	if err != nil {
		log.Fatal(err)
	}
	for _, row := range rows {
		fmt.Println(row.Stream, row.Version, "waits for publication on", row.Record.Topic)
	}
	// Output: order/42 1 waits for publication on orders
}
