//go:build e2e

package settings

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestSettings_ThatAreMissingAreAllReportedAtOnce(t *testing.T) {
	t.Parallel()
	for _, service := range services {
		start(t, service, settings{}).expectRefusal(t, exitConfig, "DATABASE_URL is empty: expected sqlite:///path/file.db or postgres://",
			"KAFKA_BROKERS is empty: expected host:port,host:port", "SCHEMA_REGISTRY_URL is empty")
	}
}

func TestSettings_ThatCannotBeAreNamedWithWhatWasExpected(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		change []string
		says   []string
	}{
		{[]string{"DATABASE_URL", "mysql://me@db/order"}, []string{`DATABASE_URL has scheme "mysql": expected sqlite`}},
		{[]string{"KAFKA_BROKERS", "broker"}, []string{`"broker" is not host:port`}},
		{[]string{"SCHEMA_REGISTRY_URL", "registry:8081"}, []string{"SCHEMA_REGISTRY_URL", "expected http://host:port"}},
		{[]string{"KAFKA_USERNAME", "me"}, []string{"KAFKA_USERNAME and KAFKA_PASSWORD belong together"}},
		{[]string{"KAFKA_CA_FILE", "/none/ca.pem"}, []string{"KAFKA_CA_FILE is set, but KAFKA_TLS is not"}},
		{[]string{"KAFKA_CA_FILE", "/none/ca.pem", "KAFKA_TLS", "true"}, []string{"KAFKA_CA_FILE", "no such file"}},
		{[]string{"TRACE_RATIO", "2"}, []string{"TRACE_RATIO is 2: expected 0 to 1"}},
		{[]string{"ORDER_DEADLINE", "soon"}, []string{"Deadline", "soon"}},
	} {
		t.Run(c.change[0], func(t *testing.T) {
			t.Parallel()
			start(t, "order", alone(t, "order").with(c.change...)).expectRefusal(t, exitConfig, c.says...)
		})
	}
}

func TestDatabase_ThatRefusesIsNamed(t *testing.T) {
	t.Parallel()
	for _, service := range services {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			wrongPassword := strings.Replace(all.Postgres(), "postgres:murmuration@", "postgres:hush@", 1) + "/postgres"
			p := start(t, service, alone(t, service).with("DATABASE_URL", wrongPassword))
			p.expectRefusal(t, exitConfig, "DATABASE_URL", "password authentication failed")
			if strings.Contains(p.said(), "hush") {
				t.Errorf("the password is shown:\n%s", p.said())
			}
			start(t, service, alone(t, service).with("DATABASE_URL", all.Postgres()+"/nowhere")).
				expectRefusal(t, exitConfig, "DATABASE_URL", `database "nowhere" does not exist`)
		})
	}
}

// change runs a statement in the database of a test.
func change(t *testing.T, url, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func TestDatabase_OfAnotherSchemaIsRefused(t *testing.T) {
	t.Parallel()
	for _, service := range services {
		t.Run("newer "+service, func(t *testing.T) {
			t.Parallel()
			set := alone(t, service)
			p := start(t, service, set)
			p.expectReadiness(t, http.StatusOK)
			p.stop(t)
			change(t, set["DATABASE_URL"], `INSERT INTO meta (name, value) VALUES ('store_schema.oldest', '900')
				ON CONFLICT (name) DO UPDATE SET value = excluded.value`)
			start(t, service, set).expectRefusal(t, exitConfig, "DATABASE_URL", "store_schema", "from version 900 on", "run a newer program")
		})
	}
	t.Run("somebody else's", func(t *testing.T) {
		t.Parallel()
		set := alone(t, "order")
		change(t, set["DATABASE_URL"], `CREATE TABLE events (happened date)`)
		start(t, "order", set).expectRefusal(t, exitConfig, "DATABASE_URL", "schema", `"events"`)
	})
}

func TestRegistry_ThatRefusesCredentialsIsNamed(t *testing.T) {
	t.Parallel()
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer refusing.Close()
	start(t, "order", alone(t, "order").with("SCHEMA_REGISTRY_URL", refusing.URL, "SCHEMA_REGISTRY_USERNAME", "me", "SCHEMA_REGISTRY_PASSWORD", "hush")).
		expectRefusal(t, exitConfig, "SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD", "refused the credentials")
}

func TestRegistry_RefusesASchemaThatReadersCannotRead(t *testing.T) {
	set := alone(t, "order")
	p := start(t, "order", set)
	p.expectReadiness(t, http.StatusOK)
	// The service has made the subject strict, whatever the registry's own level is.
	code, said := call(http.MethodPost, all.Registry()+"/subjects/orders-value/versions",
		`{"schema":"{\"type\":\"record\",\"name\":\"Order\",\"namespace\":\"com.murmuration\",\"fields\":[{\"name\":\"order_id\",\"type\":\"long\"}]}"}`)
	if code != http.StatusConflict {
		t.Errorf("another schema of orders-value: %d %s, want it refused", code, said)
	}
}
