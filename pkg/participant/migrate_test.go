package participant

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/sr/srfake"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres/postgrestest"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

// twoRoles is a database with a role that may make tables, and one that may
// nothing; ok is false where there is no server.
func twoRoles(t *testing.T) (asOwner, asService string, server *postgrestest.Server, ok bool) {
	t.Helper()
	server, err := postgrestest.Start(t.Context())
	if errors.Is(err, postgrestest.ErrNoServer) && os.Getenv("CI") == "" {
		t.Log("not proved:", err)
		return "", "", nil, false
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { check(t, server.Stop()) })
	name := fmt.Sprintf("tally_%d_%s", os.Getpid(), strings.ToLower(strings.ReplaceAll(t.Name(), "/", "_")))
	name = name[:min(len(name), 50)]
	at, drop, err := server.Schema(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	sql := func(statement string) {
		t.Helper()
		check(t, server.Exec(context.WithoutCancel(t.Context()), statement))
	}
	owner, service := name+"_owner", name+"_service"
	sql(`CREATE ROLE ` + owner + ` LOGIN PASSWORD 'secret'`)
	sql(`CREATE ROLE ` + service + ` LOGIN PASSWORD 'secret'`)
	sql(`GRANT USAGE, CREATE ON SCHEMA ` + name + ` TO ` + owner + ` WITH GRANT OPTION`)
	t.Cleanup(func() {
		check(t, drop(context.WithoutCancel(t.Context())))
		for _, role := range []string{owner, service} {
			sql(`DROP OWNED BY ` + role)
			sql(`DROP ROLE ` + role)
		}
	})
	as := func(role string) string {
		u, err := url.Parse(at)
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword(role, "secret")
		return u.String()
	}
	return as(owner), as(service), server, true
}

func roleIn(t *testing.T, databaseURL string) string {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	return u.User.Username()
}

// readOnlyRegistry lets nobody but the admin write.
func (s *surroundings) readOnlyRegistry() {
	fake := srfake.NewRegistry().Handler()
	s.setRegistry(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _, _ := r.BasicAuth()
		writes := r.Method == http.MethodPut || r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/versions")
		if writes && user != "admin" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fake.ServeHTTP(w, r)
	}))
}

func (s *surroundings) migration() MigrationSettings {
	return MigrationSettings{DatabaseURL: s.settings.DatabaseURL, RegistryURL: s.registry.URL, RegistryUsername: "admin", RegistryPassword: "secret"}
}

func TestMigrate_PreparesAServiceThatMayNothing(t *testing.T) {
	t.Parallel()
	asOwner, asService, _, ok := twoRoles(t)
	if !ok {
		return
	}
	s := newSurroundings(t)
	s.startBrokers()
	s.readOnlyRegistry()
	s.settings.DatabaseURL = asService
	waiting := []*process{s.start(testSpec(nil))}
	s.settings.Migrate = migrateNever
	waiting = append(waiting, s.start(testSpec(nil)))
	for _, p := range waiting {
		waitsFor(t, p, "not migrated yet")
		waitsFor(t, p, "`tally migrate` does that")
	}
	database := s.migration()
	database.MigrationDatabaseURL, database.RegistryURL = asOwner, ""
	check(t, Migrate(t.Context(), database, testSpec(nil), zap.NewNop()))
	for _, p := range waiting {
		waitsFor(t, p, "schema registry: SCHEMA_REGISTRY_URL")
		waitsFor(t, p, "`tally migrate` does that")
	}
	whole := s.migration()
	whole.MigrationDatabaseURL = asOwner
	check(t, Migrate(t.Context(), whole, testSpec(nil), zap.NewNop()))
	for _, p := range waiting {
		p.waitReady()
	}
	waiting[0].add("x", 1)
	waiting[1].add("x", 1)
	eventually(t, "it is published", func() bool { return s.published("tallies")["x"] >= 1 })
	for _, p := range waiting {
		check(t, p.stop())
	}
}

func TestRun_LeavesAMigrationToOthersWhereItIsToldTo(t *testing.T) {
	t.Parallel()
	asOwner, _, server, ok := twoRoles(t)
	if !ok {
		return
	}
	s := newSurroundings(t)
	s.settings.DatabaseURL, s.settings.Migrate = asOwner, migrateNever
	p := s.start(testSpec(nil))
	waitsFor(t, p, "not migrated yet")
	check(t, p.stop())
	check(t, server.Exec(t.Context(), `DO $$ BEGIN IF EXISTS (SELECT FROM pg_tables WHERE tableowner = '`+roleIn(t, asOwner)+`') THEN RAISE 'it made tables'; END IF; END $$`))
	s.settings.Migrate = migrateAuto
	p = s.start(testSpec(nil))
	p.waitReady()
}

func TestMigrate_CanBeRunAgainByManyAndBesideTheService(t *testing.T) {
	t.Parallel()
	asOwner, asService, _, ok := twoRoles(t)
	if !ok {
		return
	}
	s := newSurroundings(t)
	s.settings.DatabaseURL = asService
	settings := s.migration()
	settings.MigrationDatabaseURL = asOwner
	settings.DatabaseURL = strings.Replace(asService, ":secret@", "@", 1) // its password is nobody else's business
	together := func() {
		t.Helper()
		var runs sync.WaitGroup
		for range 4 {
			runs.Go(func() { check(t, Migrate(t.Context(), settings, testSpec(nil), zap.NewNop())) })
		}
		runs.Wait()
	}
	together()
	p := s.start(testSpec(nil))
	p.waitReady()
	together()
	p.add("x", 1)
}

func TestMigrate_WaitsForWhatCannotBeReachedAndSaysSoSeldom(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	s.registryAway.Store(true)
	core, logged := observer.New(zap.InfoLevel)
	ended := make(chan error, 1)
	go func() { ended <- Migrate(t.Context(), s.migration(), testSpec(nil), zap.New(core)) }()
	eventually(t, "it says what it waits for", func() bool { return logged.FilterMessageSnippet("schemas cannot be registered").Len() > 0 })
	select {
	case err := <-ended:
		t.Fatalf("it ended: %v", err)
	default:
	}
	s.registryAway.Store(false)
	check(t, <-ended)
	if n := logged.FilterMessageSnippet("cannot").Len(); n > 2 {
		t.Errorf("it said %d times that it waits", n)
	}
	for _, said := range []string{"the database is up to date", "the schemas are registered"} {
		if logged.FilterMessage(said).Len() != 1 {
			t.Errorf("it did not say once %q", said)
		}
	}
}

func TestMigrate_EndedBeforeItWasDoneIsNoSuccess(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	settings := s.migration()
	settings.DatabaseURL = "postgres://ada@127.0.0.1:1/tally"
	ctx, cancel := context.WithCancelCause(t.Context())
	core, logged := observer.New(zap.InfoLevel)
	ended := make(chan error, 1)
	go func() { ended <- Migrate(ctx, settings, testSpec(nil), zap.New(core)) }()
	eventually(t, "it says what it waits for", func() bool { return logged.FilterMessageSnippet("database cannot be migrated").Len() > 0 })
	cancel(errors.New("received terminated"))
	wantExit(t, <-ended, run.ExitTempFail, "before it was done", "received terminated")
}

func TestMigrate_ReportsAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	err := Migrate(t.Context(), MigrationSettings{
		DatabaseURL: "mysql://host/db", MigrationDatabaseURL: "postgres://ada:secret@host:99999999/db", RegistryURL: "registry", LogLevel: "loud",
	}, testSpec(nil), nil)
	wantExit(t, err, run.ExitConfig, "settings:", "DATABASE_URL has scheme", "MIGRATION_DATABASE_URL", "SCHEMA_REGISTRY_URL", "loud")
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("it shows a password: %v", err)
	}
	err = Migrate(t.Context(), MigrationSettings{}, testSpec(nil), nil)
	wantExit(t, err, run.ExitConfig, "DATABASE_URL and MIGRATION_DATABASE_URL are empty")
	err = Migrate(t.Context(), MigrationSettings{DatabaseURL: "sqlite:///a.db", MigrationDatabaseURL: "sqlite:///b.db"}, testSpec(nil), nil)
	wantExit(t, err, run.ExitConfig, "two roles of one PostgreSQL database")
}

func TestMigrate_WhatNoFurtherAttemptMendsHasAnExitCode(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	s.readOnlyRegistry()
	settings := s.migration()
	settings.RegistryUsername = "reader"
	wantExit(t, Migrate(t.Context(), settings, testSpec(nil), zap.NewNop()), run.ExitConfig, "SCHEMA_REGISTRY_USERNAME", "this user may not")

	asOwner, asService, _, ok := twoRoles(t)
	if !ok {
		return
	}
	settings = s.migration()
	settings.DatabaseURL = asService
	wantExit(t, Migrate(t.Context(), settings, testSpec(nil), zap.NewNop()), run.ExitConfig, "DATABASE_URL", "no schema has been selected")
	settings.MigrationDatabaseURL = strings.Replace(asOwner, "_owner:", "_nobody:", 1)
	wantExit(t, Migrate(t.Context(), settings, testSpec(nil), zap.NewNop()), run.ExitConfig, "MIGRATION_DATABASE_URL", "_nobody")
	settings.MigrationDatabaseURL, settings.DatabaseURL = asOwner, strings.Replace(asService, "_service:", "_nobody:", 1)
	wantExit(t, Migrate(t.Context(), settings, testSpec(nil), zap.NewNop()), run.ExitConfig, "MIGRATION_DATABASE_URL", "give rights", "_nobody")
}

// Its records name ids that this registry cannot explain, and it may not register.
func TestRun_EndsWhenTheRegistryComesBackWithoutItsSchemas(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	s.startBrokers()
	check(t, Migrate(t.Context(), s.migration(), testSpec(nil), zap.NewNop()))
	s.settings.Migrate = migrateNever
	first := s.start(testSpec(nil))
	first.waitReady()
	check(t, first.stop())
	s.registryAway.Store(true)
	p := s.start(testSpec(nil))
	p.waitReady()
	s.setRegistry(srfake.NewRegistry().Handler())
	s.registryAway.Store(false)
	wantExit(t, p.wait(), run.ExitTempFail, "SCHEMA_REGISTRY_URL", "not registered", "lose its data")
}
