package postgres_test

import (
	"context"
	"io/fs"
	"log"

	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres"
)

// A rollout: a job migrates as the role that owns the tables, then services open
// the database as a role that can only read and write them. There is no output,
// since both need a server.
func Example() {
	ctx := context.Background()
	var readModels fs.FS // the service's own goose files
	if err := postgres.Migrate(ctx, "postgres://order_owner@db/order", readModels); err != nil {
		log.Fatal(err)
	}
	store, err := postgres.Open(ctx, postgres.Config{
		URL:        "postgres://order@db/order?sslmode=verify-full&pool_max_conns=32",
		Migrations: []fs.FS{readModels},
	})
	if err != nil {
		log.Fatal(err)
	}
	// … serve …
	if err := store.Close(); err != nil {
		log.Fatal(err)
	}
}
