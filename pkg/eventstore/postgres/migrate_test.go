package postgres_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/eventstoretest"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres"
)

func migration(sql string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte("-- +goose Up\n" + sql + ";\n")}
}

// tryOpen opens and closes a store.
func tryOpen(t *testing.T, c postgres.Config) error {
	t.Helper()
	s, err := postgres.Open(within(t), c)
	if err == nil {
		check(t, s.Close())
	}
	return err
}

func TestMigrate_RunsOnceOfManyAtOnce(t *testing.T) {
	ctx := within(t)
	url := newDatabase(t)
	const processes = 6
	slow := fstest.MapFS{"00001_slow.sql": migration("CREATE TABLE slow (id TEXT); SELECT pg_sleep(0.1)")}
	var wg sync.WaitGroup
	errs := make([]error, processes)
	for i := range processes {
		wg.Go(func() { errs[i] = postgres.Migrate(ctx, url, slow) })
	}
	wg.Wait()
	check(t, errors.Join(errs...))
	watch := connect(t, url)
	for _, table := range []string{"store_schema", "service_schema_1"} {
		if n := watch.number(`SELECT count(*) FROM ` + table + ` WHERE version_id = 1`); n != 1 {
			t.Errorf("version 1 of %s was applied %d times", table, n)
		}
	}
	if n := watch.number(`SELECT count(*) FROM meta WHERE name = 'store_epoch'`); n != 1 {
		t.Errorf("there are %d store epochs", n)
	}
}

func TestMigrate_StopsWaitingForAnotherWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(within(t))
	url, application := named(t, newDatabase(t))
	other := connect(t, newName(t, url))
	other.exec(`SELECT pg_advisory_lock($1)`, int64(postgres.MigrationLock))
	done := make(chan error, 1)
	go func() { done <- postgres.Migrate(ctx, url) }()
	watch := connect(t, newName(t, url))
	eventually(t, "it tries", func() bool {
		return watch.number(`SELECT count(*) FROM pg_stat_activity WHERE application_name = $1`, application) > 0
	})
	cancel()
	wantError(t, <-done, context.Canceled)
}

func TestMigrate_LeavesTheSchemaWhenOneFails(t *testing.T) {
	ctx := within(t)
	url := newDatabase(t)
	bad := fstest.MapFS{"00001_bad.sql": migration("CREATE TABLE good (id TEXT); CREATE TABLE good (id TEXT)")}
	wantError(t, postgres.Migrate(ctx, url, bad), eventstore.ErrSchemaMismatch)
	wantError(t, tryOpen(t, postgres.Config{URL: url, Migrations: []fs.FS{bad}}), eventstore.ErrSchemaMismatch)
	good := fstest.MapFS{"00001_good.sql": migration("CREATE TABLE good (id TEXT)")}
	check(t, postgres.Migrate(ctx, url, good))
	check(t, tryOpen(t, postgres.Config{URL: url, Migrations: []fs.FS{good}}))
}

func TestOpen_OnlyLooksUnlessItIsToldToMigrate(t *testing.T) {
	url := newDatabase(t)
	c := postgres.Config{URL: url, Migrations: []fs.FS{eventstoretest.Migrations()}}
	wantError(t, tryOpen(t, c), eventstore.ErrSchemaMismatch)
	if n := connect(t, url).number(`SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()`); n != 0 {
		t.Fatalf("looking made %d tables", n)
	}
	check(t, postgres.Migrate(within(t), url))
	err := tryOpen(t, c) // the read model is missing
	wantError(t, err, eventstore.ErrSchemaMismatch)
	c.Migrate = true
	check(t, tryOpen(t, c))
	c.Migrate = false
	check(t, tryOpen(t, c))
}

func TestOpen_SaysWhichVersionIsMissing(t *testing.T) {
	url := newDatabase(t)
	first := fstest.MapFS{"00001_a.sql": migration("CREATE TABLE a (id TEXT)")}
	second := fstest.MapFS{"00001_a.sql": first["00001_a.sql"], "00002_b.sql": migration("CREATE TABLE b (id TEXT)")}
	check(t, postgres.Migrate(within(t), url, first))
	err := tryOpen(t, postgres.Config{URL: url, Migrations: []fs.FS{second}})
	if !errors.Is(err, eventstore.ErrSchemaMismatch) || !strings.Contains(err.Error(), "service_schema_1 is at version 1, this program needs 2") {
		t.Errorf("got %v, want that version 2 is missing", err)
	}
}

// A rollout: the new version migrates while the old one runs, and the old one
// is started again beside it.
func TestStore_RunsBesideASchemaThatWasExpanded(t *testing.T) {
	ctx := within(t)
	url := newDatabase(t)
	old := openAt(t, url)
	check(t, growWith(ctx, old, []eventstore.Statement{total("a", 1)}, order("1")))

	beside := connect(t, url)
	for _, table := range []string{"streams", "events", "outbox", "intents", "positions", "parked", "answers", "leases", "relays", "totals"} {
		beside.exec(`ALTER TABLE ` + table + ` ADD COLUMN added TEXT NOT NULL DEFAULT 'new'`)
	}
	beside.exec(`INSERT INTO store_schema (version_id, is_applied) VALUES (2, true)`)
	beside.exec(`INSERT INTO service_schema_1 (version_id, is_applied) VALUES (2, true)`)
	for _, s := range []*postgres.Store{old, openAt(t, url)} {
		check(t, s.Ready(ctx))
		check(t, growWith(ctx, s, []eventstore.Statement{total("a", 1)}, order("1")))
		if _, err := s.Pending(ctx, 0, 10, 1<<20); err != nil {
			t.Error(err)
		}
		if _, err := s.History(ctx, order("1"), 0, 10); err != nil {
			t.Error(err)
		}
	}

	// The contraction, once no old program is left.
	beside.exec(`INSERT INTO meta (name, value) VALUES ('service_schema_1.oldest', '2')`)
	wantError(t, old.Ready(ctx), eventstore.ErrSchemaMismatch)
	wantError(t, tryOpen(t, postgres.Config{URL: url, Migrations: []fs.FS{eventstoretest.Migrations()}}), eventstore.ErrSchemaMismatch)
}

func TestOpen_RefusesAnUnreachableOrUnreadableDatabase(t *testing.T) {
	for name, url := range map[string]string{
		"nobody listens": "postgres://ada:secret@127.0.0.1:1/order?sslmode=disable", "no URL": "postgres://ada:secret@host:none/order",
	} {
		for _, migrate := range []bool{true, false} {
			err := tryOpen(t, postgres.Config{URL: url, Migrate: migrate})
			if err == nil || errors.Is(err, eventstore.ErrSchemaMismatch) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: got %v, want an error without the password", name, err)
			}
		}
	}
}
