//go:build e2e

package settings

import (
	"net/http"
	"strings"
	"testing"
)

func TestDatabase_ThatIsAwayIsNamedAndWaitedFor(t *testing.T) {
	t.Parallel()
	for _, service := range services {
		for name, m := range map[string]mode{"refused": shut, "silent": silent} {
			t.Run(service+" "+name, func(t *testing.T) {
				t.Parallel()
				g := newGate(t, all.PostgresAddress(), m)
				set := alone(t, service)
				set = set.with("DATABASE_URL", strings.Replace(set["DATABASE_URL"], all.PostgresAddress(), g.address(), 1))
				p := start(t, service, set)
				p.expectSays(t, "DATABASE_URL", port(g))
				p.expectReadiness(t, http.StatusServiceUnavailable, "waiting for the database")
				p.expectQuiet(t)
				g.set(open)
				p.expectReadiness(t, http.StatusOK)
			})
		}
	}
}

func TestRegistry_ThatWasNeverReachedIsNamedAndWaitedFor(t *testing.T) {
	t.Parallel()
	for _, service := range services {
		for name, m := range map[string]mode{"refused": shut, "silent": silent} {
			t.Run(service+" "+name, func(t *testing.T) {
				t.Parallel()
				g := newGate(t, registryAddress(), m)
				p := start(t, service, alone(t, service).with("SCHEMA_REGISTRY_URL", through(g)))
				p.expectSays(t, "SCHEMA_REGISTRY_URL", g.address())
				p.expectReadiness(t, http.StatusServiceUnavailable, "waiting for the schema registry")
				p.expectQuiet(t)
				g.set(open)
				p.expectReadiness(t, http.StatusOK)
			})
		}
	}
}

// port is what messages of every kind show of a gate's address.
func port(g *gate) string { return g.address()[strings.LastIndexByte(g.address(), ':')+1:] }

func registryAddress() string { return strings.TrimPrefix(all.RegistryRoot(), "http://") }

func through(g *gate) string {
	return strings.Replace(all.Registry(), registryAddress(), g.address(), 1)
}

// What the registry said once is in the service's database, so that it is missed no
// more.
func TestRegistry_ThatIsAwayAtStartStopsNoOrder(t *testing.T) {
	topics(t)
	for name, m := range map[string]mode{"refused": shut, "silent": silent} {
		t.Run(name, func(t *testing.T) {
			g := newGate(t, registryAddress(), open)
			set := right(t, "order").with("SCHEMA_REGISTRY_URL", through(g))
			first := start(t, "order", set)
			first.expectReadiness(t, http.StatusOK, `"ready"`)
			first.stop(t)

			g.set(m)
			p := start(t, "order", set)
			p.expectSays(t, "schema registry is away", g.address())
			id := "while-the-registry-is-away-" + name
			p.expectReadiness(t, http.StatusOK, `"degraded"`, "schema registry")
			p.expectAccepts(t, id)
			eventually(t, id+" is published all the same", func() error { return published(t, id) })
			p.expectQuiet(t)
			g.set(open)
			p.expectReadiness(t, http.StatusOK, `"ready"`)
			p.expectSaid(t, "the schema registry is back")
		})
	}
}

// A database that crashes under a service comes back by itself.
func TestDatabase_ThatCrashesIsOutlasted(t *testing.T) {
	topics(t)
	p := start(t, "order", right(t, "order"))
	p.expectReadiness(t, http.StatusOK, `"ready"`)
	p.expectAccepts(t, "before-the-crash")
	if err := all.KillPostgres(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.expectReadiness(t, http.StatusServiceUnavailable, "database")
	p.expectQuiet(t)
	if err := all.RestartPostgres(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.expectReadiness(t, http.StatusOK, `"ready"`)
	p.expectAccepts(t, "after-the-crash")
	eventually(t, "it is published", func() error { return published(t, "after-the-crash") })
}
