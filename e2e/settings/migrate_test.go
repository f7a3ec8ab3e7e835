//go:build e2e

package settings

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// expectDone waits for a program that ends by itself, successfully.
func (p *program) expectDone(t *testing.T, words ...string) {
	t.Helper()
	select {
	case <-p.gone:
	case <-time.After(patience):
		t.Fatalf("%s goes on:\n%s", p.service, p.said())
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("%s: exit code %d", p.service, code)
	}
	p.expectSaid(t, words...)
}

// as is a database URL for another role.
func as(t *testing.T, databaseURL, role, password string) string {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(role)
	if password != "" {
		u.User = url.UserPassword(role, password)
	}
	return u.String()
}

// A service in production: its role may change no table, and it may not register.
func TestMigrate_PreparesAServiceWithoutRights(t *testing.T) {
	t.Parallel()
	for _, service := range services {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			set := alone(t, service)
			owner, app := "migrate_"+service+"_owner", "migrate_"+service
			database := set["DATABASE_URL"]
			for _, role := range []string{owner, app} {
				change(t, database, `CREATE ROLE `+role+` LOGIN PASSWORD 'secret'`)
			}
			change(t, database, `REVOKE ALL ON SCHEMA public FROM PUBLIC`)
			change(t, database, `GRANT USAGE, CREATE ON SCHEMA public TO `+owner+` WITH GRANT OPTION`)
			p := start(t, service, set.with("DATABASE_URL", as(t, database, app, "secret"), "MIGRATE", "never"))
			p.expectSays(t, "DATABASE_URL", "not migrated yet", "`"+service+" migrate` does that")
			p.expectReadiness(t, http.StatusServiceUnavailable, "waiting for the database", "not migrated yet")
			p.expectQuiet(t)

			jobs := set.with("DATABASE_URL", as(t, database, app, ""), "MIGRATION_DATABASE_URL", as(t, database, owner, "secret"))
			delete(jobs, "KAFKA_BROKERS")
			delete(jobs, "GATEWAY_KEY")
			together := []*program{start(t, service, jobs, "migrate"), start(t, service, jobs, "migrate")}
			for _, job := range together {
				job.expectDone(t, "the database is up to date", "the schemas are registered")
			}
			p.expectReadiness(t, http.StatusOK)
			start(t, service, jobs, "migrate").expectDone(t) // beside it
			p.stop(t)

			again := start(t, service, set.with("DATABASE_URL", as(t, database, app, "secret")))
			again.expectReadiness(t, http.StatusOK)
			again.stop(t)
			if strings.Contains(again.said(), "another id") {
				t.Errorf("a schema that is looked up has another id than when it was registered:\n%s", again.said())
			}
		})
	}
}

func TestMigrate_NamesAllThatIsWrongAndWaitsForWhatIsAway(t *testing.T) {
	t.Parallel()
	start(t, "payment", settings{"SCHEMA_REGISTRY_URL": "registry:8081"}, "migrate").
		expectRefusal(t, exitConfig, "DATABASE_URL and MIGRATION_DATABASE_URL are empty", "SCHEMA_REGISTRY_URL")
	g := newGate(t, all.PostgresAddress(), shut)
	set := alone(t, "inventory")
	set = set.with("DATABASE_URL", strings.Replace(set["DATABASE_URL"], all.PostgresAddress(), g.address(), 1))
	p := start(t, "inventory", set, "migrate")
	p.expectSays(t, "database cannot be migrated", "DATABASE_URL", port(g))
	p.expectQuiet(t)
	g.set(open)
	p.expectDone(t, "the schemas are registered")
}
