package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/eventstoretest"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres"
)

// roles are two roles of a database: one that may make tables, and one that may
// not even look into the schema.
type roles struct {
	admin         session
	schema        string
	owner, app    string
	asOwner, asIt string // URLs
}

func newRoles(t *testing.T) roles {
	t.Helper()
	super := newDatabase(t)
	admin := connect(t, super)
	n := schemas.Add(1)
	r := roles{admin: admin, owner: fmt.Sprintf("owner_%d", n), app: fmt.Sprintf("app_%d", n)}
	for _, role := range []string{r.owner, r.app} {
		admin.exec(`CREATE ROLE ` + role + ` LOGIN PASSWORD 'secret'`)
	}
	t.Cleanup(func() {
		for _, sql := range []string{`DROP OWNED BY ` + r.owner + ` CASCADE`, `DROP OWNED BY ` + r.app, `DROP ROLE ` + r.owner, `DROP ROLE ` + r.app} {
			if err := server.Exec(context.Background(), sql); err != nil {
				t.Error(err)
			}
		}
	})
	parsed, err := url.Parse(super)
	check(t, err)
	r.schema = parsed.Query().Get("search_path")
	admin.exec(`GRANT USAGE, CREATE ON SCHEMA ` + r.schema + ` TO ` + r.owner + ` WITH GRANT OPTION`)
	as := func(role string) string {
		u := *parsed
		u.User = url.UserPassword(role, "secret")
		return u.String()
	}
	r.asOwner, r.asIt = as(r.owner), as(r.app)
	return r
}

// serves uses a database as a service does.
func serves(t *testing.T, url string) {
	t.Helper()
	ctx := within(t)
	s := openAt(t, url)
	check(t, growWith(ctx, s, []eventstore.Statement{total("a", 1)}, order("1")))
	eventually(t, "the mark is 1", func() bool { // somebody else's transaction holds it back
		mark, err := s.SafeMark(ctx)
		check(t, err)
		return mark == 1
	})
	if _, err := s.RenewEpoch(ctx); err != nil {
		t.Error(err)
	}
	for _, forbidden := range []string{`CREATE TABLE mine (id TEXT)`, `UPDATE store_schema SET version_id = 900`, `DROP TABLE totals`, `TRUNCATE totals`} {
		err := growWith(ctx, s, []eventstore.Statement{{SQL: forbidden}}, order("1"))
		if err == nil || !strings.Contains(err.Error(), "42501") {
			t.Errorf("%s: got %v, want that the role may not", forbidden, err)
		}
	}
}

// The role that serves requests can change no table.
func TestStore_RunsAsARoleWithoutRightsToTheSchema(t *testing.T) {
	r := newRoles(t)
	config := postgres.Config{URL: r.asIt, Migrations: []fs.FS{eventstoretest.Migrations()}, Migrate: true}
	wantError(t, tryOpen(t, config), eventstore.ErrNotMigrated)

	check(t, postgres.Migrate(within(t), r.asOwner, eventstoretest.Migrations()))
	wantError(t, tryOpen(t, config), eventstore.ErrNotMigrated) // it may not look yet
	wantError(t, tryOpen(t, config), eventstore.ErrSchemaMismatch)

	check(t, postgres.MigrateFor(within(t), r.asOwner, r.asIt, eventstoretest.Migrations()))
	serves(t, r.asIt)
}

func TestOpen_ARoleThatMayNotMigrateWaitsForOneThatMay(t *testing.T) {
	r := newRoles(t)
	first, grown := eventstoretest.Migrations(), grown(t)
	check(t, postgres.MigrateFor(within(t), r.asOwner, r.asIt, first))
	for _, migrate := range []bool{true, false} {
		err := tryOpen(t, postgres.Config{URL: r.asIt, Migrations: []fs.FS{grown}, Migrate: migrate})
		if !errors.Is(err, eventstore.ErrNotMigrated) || !strings.Contains(err.Error(), "service_schema_1 is at version 1, this program needs 2") {
			t.Errorf("migrate %t: got %v, want that version 2 is missing", migrate, err)
		}
	}
	check(t, postgres.MigrateFor(within(t), r.asOwner, r.asIt, grown))
	check(t, tryOpen(t, postgres.Config{URL: r.asIt, Migrations: []fs.FS{grown}, Migrate: true}))
	check(t, tryOpen(t, postgres.Config{URL: r.asIt, Migrations: []fs.FS{first}, Migrate: true})) // the program before
}

func TestMigrateFor_CanBeRunByManyAtOnce(t *testing.T) {
	r := newRoles(t)
	const processes = 6
	var wg sync.WaitGroup
	errs := make([]error, processes)
	for i := range processes {
		wg.Go(func() { errs[i] = postgres.MigrateFor(within(t), r.asOwner, r.asIt, eventstoretest.Migrations()) })
	}
	wg.Wait()
	check(t, errors.Join(errs...))
	serves(t, r.asIt)
}

func TestMigrateFor_RefusesWhatNoFurtherAttemptMends(t *testing.T) {
	r := newRoles(t)
	wantError(t, postgres.MigrateFor(within(t), r.asIt, ""), eventstore.ErrSchemaMismatch) // it may not make tables
	nobody := strings.Replace(r.asIt, r.app, "nobody_of_this_name", 1)
	wantError(t, postgres.MigrateFor(within(t), nobody, r.asIt), eventstore.ErrUnusable)
	err := postgres.MigrateFor(within(t), r.asOwner, nobody)
	if !errors.Is(err, eventstore.ErrSchemaMismatch) || !strings.Contains(err.Error(), "nobody_of_this_name") {
		t.Errorf("got %v, want that there is no such role", err)
	}
}

// grown adds a migration to those of the suite.
func grown(t *testing.T) fs.FS {
	t.Helper()
	const name = "00001_totals.sql"
	first, err := fs.ReadFile(eventstoretest.Migrations(), name)
	check(t, err)
	return fstest.MapFS{name: {Data: first}, "00002_more.sql": migration("CREATE TABLE more (id TEXT)")}
}
