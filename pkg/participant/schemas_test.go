package participant

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/murmuration-dev/murmuration/pkg/run"
)

func TestRun_StartsAndPublishesWithWhatTheRegistrySaidBefore(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	s.startBrokers()
	first := s.start(testSpec(nil))
	first.waitReady()
	early, late := s.ticketRecord("concert", 12), s.ticketRecord("concert", 8)
	s.sell(early)
	eventually(t, "the schema of tickets is known", func() bool { return s.published("tallies")["concert"] == 1 })
	check(t, first.stop())

	s.registryAway.Store(true)
	p := s.start(testSpec(nil))
	p.waitReady()
	p.add("opera", 5)
	s.sell(late)
	eventually(t, "it publishes, and reads what others wrote", func() bool {
		counts := s.published("tallies")
		return counts["opera"] == 1 && counts["concert"] == 2
	})
	eventually(t, "it says that it is not as it should be", func() bool {
		code, body := p.readiness()
		return code == http.StatusOK && strings.Contains(body, `"degraded"`) && strings.Contains(body, "away since the start")
	})
	s.registryAway.Store(false)
	eventually(t, "it notices that the registry is back", func() bool {
		_, body := p.readiness()
		return strings.Contains(body, `"status":"ready"`)
	})
	check(t, p.stop())
}

func TestRun_EndsWhenTheRegistryComesBackWithoutWhatItSaid(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	s.startBrokers()
	first := s.start(testSpec(nil))
	first.waitReady()
	check(t, first.stop())

	s.registryAway.Store(true)
	p := s.start(testSpec(nil))
	p.waitReady()
	s.forgetSchemas(t)
	s.registryAway.Store(false)
	wantExit(t, p.wait(), run.ExitTempFail, "SCHEMA_REGISTRY_URL", "the id ")

	again := s.start(testSpec(nil)) // takes the new ids
	again.waitReady()
	again.add("opera", 5)
	eventually(t, "it publishes", func() bool { return s.published("tallies")["opera"] == 1 })
	check(t, again.stop())
}

// forgetSchemas replaces the registry by one in which the ids begin elsewhere.
func (s *surroundings) forgetSchemas(t *testing.T) {
	t.Helper()
	fresh := srfake.NewRegistry()
	other := httptest.NewServer(fresh.Handler())
	defer other.Close()
	code, body := call(t, "POST", other.URL+"/subjects/other-value/versions", `{"schema":"\"string\""}`)
	if code != http.StatusOK {
		t.Fatalf("register another schema: %d %s", code, body)
	}
	s.setRegistry(fresh.Handler())
}

func TestRun_RefusedRegistryCredentialsHaveAnExitCode(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	s.setRegistry(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	wantExit(t, s.start(testSpec(nil)).wait(), run.ExitConfig, "SCHEMA_REGISTRY_USERNAME", "refused the credentials")
}
