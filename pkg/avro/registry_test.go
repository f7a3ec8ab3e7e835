package avro

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr/srfake"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func mustRegistry(t *testing.T, cfg RegistryConfig) *Registry {
	t.Helper()
	r, err := NewRegistry(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// serve returns the URL of a registry whose requests go through handle first.
func serve(t *testing.T, handle func(http.ResponseWriter, *http.Request) bool) string {
	t.Helper()
	fake := srfake.NewRegistry()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if handle == nil || !handle(w, req) {
			fake.Handler().ServeHTTP(w, req)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// answer serves the same answer to every request.
func answer(t *testing.T, status int, body string) *Registry {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		return true
	})
	return mustRegistry(t, RegistryConfig{URL: url})
}

func TestRegistry_RegistersOnceAndLooksUp(t *testing.T) {
	url := serve(t, nil)
	writer, reader := mustRegistry(t, RegistryConfig{URL: url}), mustRegistry(t, RegistryConfig{URL: url + "/"})
	id, err := writer.Register(t.Context(), "orders-value", orderV1)
	if err != nil {
		t.Fatal(err)
	}
	again, err := writer.Register(t.Context(), "orders-value", orderV1)
	if err != nil || again != id {
		t.Errorf("again: got %d, %v, want %d", again, err, id)
	}
	for _, r := range []*Registry{writer, reader} {
		if text, err := r.SchemaByID(t.Context(), id); err != nil || text != orderV1 {
			t.Errorf("got %q, %v", text, err)
		}
	}
}

func TestRegistry_FindsASchemaWithoutRegisteringIt(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, req *http.Request) bool {
		if req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, "/versions") && req.Header.Get("Authorization") == "" {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	})
	admin, reader := mustRegistry(t, RegistryConfig{URL: url, Username: "admin", Password: "secret"}), mustRegistry(t, RegistryConfig{URL: url})
	for _, subject := range []string{"orders-value", "payments-value"} { // one without any version, one with another
		if _, err := reader.Lookup(t.Context(), subject, `"int"`); !errors.Is(err, ErrUnknownSchema) {
			t.Errorf("got %v, want ErrUnknownSchema", err)
		}
		if _, err := admin.Register(t.Context(), "payments-value", `"string"`); err != nil {
			t.Fatal(err)
		}
	}
	want, err := admin.Register(t.Context(), "orders-value", `"int"`)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := reader.Lookup(t.Context(), "orders-value", `"int"`); err != nil || id != want {
		t.Errorf("got %d, %v, want %d", id, err, want)
	}
	if _, err := reader.Register(t.Context(), "orders-value", `"int"`); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("got %v: the reader may register, so nothing was shown", err)
	}
	for _, body := range []string{`{}`, `<html>`} {
		if _, err := answer(t, http.StatusOK, body).Lookup(t.Context(), "orders-value", `"int"`); !errors.Is(err, ErrUnavailable) {
			t.Errorf("answer %s: got %v, want ErrUnavailable", body, err)
		}
	}
}

func TestRegistry_TakesAPathAndCredentials(t *testing.T) {
	fake := srfake.NewRegistry(srfake.WithAuth("Basic YWRhOnMzY3IzdA==")) // ada:s3cr3t
	server := httptest.NewTLSServer(http.StripPrefix("/apis/ccompat/v7", fake.Handler()))
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())

	address := strings.TrimPrefix(server.URL, "https://")
	for name, cfg := range map[string]RegistryConfig{
		"in fields":  {URL: "https://" + address + "/apis/ccompat/v7", Username: "ada", Password: "s3cr3t"},
		"in the URL": {URL: "https://ada:s3cr3t@" + address + "/apis/ccompat/v7/"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg.TLS = &tls.Config{RootCAs: roots}
			if _, err := mustRegistry(t, cfg).Register(t.Context(), "orders-value", orderV1); err != nil {
				t.Fatal(err)
			}
		})
	}
	wrong := mustRegistry(t, RegistryConfig{URL: "https://ada:wr0ng@" + address + "/apis/ccompat/v7", TLS: &tls.Config{RootCAs: roots}})
	_, err := wrong.SchemaByID(t.Context(), 1)
	if !errors.Is(err, ErrUnauthorized) || !errors.Is(err, ErrUnavailable) || Permanent(err) {
		t.Errorf("wrong password: got %v", err)
	}
	untrusted := mustRegistry(t, RegistryConfig{URL: "https://ada:wr0ng@" + address})
	_, err = untrusted.SchemaByID(t.Context(), 1)
	if !errors.Is(err, ErrUnavailable) || strings.Contains(fmt.Sprint(err), "wr0ng") {
		t.Errorf("untrusted certificate: got %v", err)
	}
}

func TestNewRegistry_RefusesConfigurations(t *testing.T) {
	for _, cfg := range []RegistryConfig{
		{},
		{URL: "localhost:8081"},
		{URL: "ftp://localhost"},
		{URL: "http://"},
		{URL: "http://ada:s3cr3t@host:port"},
		{URL: "http://localhost", Timeout: -1},
	} {
		if _, err := NewRegistry(cfg); err == nil || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%+v: got %v", cfg, err)
		}
	}
}

func TestRegistry_SortsAnswersByKind(t *testing.T) {
	cases := []struct {
		name   string
		status int
		body   string
		want   error
	}{
		{"no such schema", 404, `{"error_code":40403,"message":"Schema 7 not found"}`, ErrUnknownSchema},
		{"a wrong path", 404, `<html>not found</html>`, ErrUnavailable},
		{"a wrong path in JSON", 404, `{"error_code":404,"message":"HTTP 404 Not Found"}`, ErrUnavailable},
		{"no credentials", 401, `{"error_code":401}`, ErrUnauthorized},
		{"wrong credentials", 403, `{"error_code":40301}`, ErrUnauthorized},
		{"too many requests", 429, ``, ErrUnavailable},
		{"a server in trouble", 500, `{"error_code":50001,"message":"Error in the backend data store"}`, ErrUnavailable},
		{"a proxy in trouble", 503, `Service Unavailable`, ErrUnavailable},
		{"a login page", 200, `<html>log in</html>`, ErrUnavailable},
		{"an answer without a schema", 200, `{}`, ErrUnavailable},
		{"an answer that does not end", 200, `{"schema":"` + strings.Repeat("x", maxAnswer), ErrUnavailable},
		{"a Protobuf schema", 200, `{"schema":"syntax","schemaType":"PROTOBUF"}`, ErrInvalidSchema},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := answer(t, c.status, c.body).SchemaByID(t.Context(), 7)
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			permanent := errors.Is(c.want, ErrUnknownSchema) || errors.Is(c.want, ErrInvalidSchema)
			if Permanent(err) != permanent {
				t.Errorf("permanent is %t", !permanent)
			}
			if len(err.Error()) > 2*maxReason {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestRegistry_GivesTheReasonOfARefusal(t *testing.T) {
	conflict := answer(t, 409, `{"error_code":409,"message":"reader field has no default"}`)
	_, err := conflict.Register(t.Context(), "orders-value", orderV2)
	if !errors.Is(err, ErrIncompatible) || !strings.Contains(fmt.Sprint(err), "reader field has no default") {
		t.Errorf("incompatible: got %v", err)
	}
	invalid := answer(t, 422, `{"error_code":42201,"message":"bad type"}`)
	if _, err := invalid.Register(t.Context(), "orders-value", `{`); !errors.Is(err, ErrInvalidSchema) {
		t.Errorf("invalid: got %v", err)
	}
	strange := answer(t, 200, `{}`)
	if _, err := strange.Register(t.Context(), "orders-value", orderV1); !errors.Is(err, ErrUnavailable) {
		t.Errorf("no id: got %v", err)
	}
}

func TestRegistry_ChecksWithoutRegistering(t *testing.T) {
	no := answer(t, 200, `{"is_compatible":false,"messages":["first","second"]}`)
	err := no.Check(t.Context(), "orders-value", orderV2)
	if !errors.Is(err, ErrIncompatible) || !strings.Contains(fmt.Sprint(err), "first; second") {
		t.Errorf("incompatible: got %v", err)
	}
	silent := answer(t, 200, `{"is_compatible":false}`)
	if err := silent.Check(t.Context(), "orders-value", orderV2); !errors.Is(err, ErrIncompatible) {
		t.Errorf("without a reason: got %v", err)
	}
	if err := answer(t, 200, `{"is_compatible":true}`).Check(t.Context(), "orders-value", orderV2); err != nil {
		t.Errorf("compatible: got %v", err)
	}
	unknown := answer(t, 404, `{"error_code":40401,"message":"Subject not found."}`)
	if err := unknown.Check(t.Context(), "orders-value", orderV2); err != nil {
		t.Errorf("unknown subject: got %v", err)
	}
	if err := answer(t, 500, ``).Check(t.Context(), "orders-value", orderV2); !errors.Is(err, ErrUnavailable) {
		t.Errorf("away: got %v", err)
	}
}

// levelServer keeps one level as registries do: Confluent's answers 404 for a
// subject without a level, Apicurio's NONE, and a broken one forgets.
func levelServer(t *testing.T, start string, forgets bool) (*Registry, *atomic.Int32) {
	var mu sync.Mutex
	level, puts := start, new(atomic.Int32)
	url := serve(t, func(w http.ResponseWriter, req *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if req.Method == http.MethodPut {
			puts.Add(1)
			if !forgets {
				level = LevelFullTransitive
			}
			_, _ = io.WriteString(w, `{"compatibility":"FULL_TRANSITIVE"}`)
			return true
		}
		if level == "" {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"error_code":40408,"message":"no level"}`)
			return true
		}
		_, _ = fmt.Fprintf(w, `{"compatibilityLevel":%q}`, level)
		return true
	})
	return mustRegistry(t, RegistryConfig{URL: url}), puts
}

func TestRegistry_EnsuresTheLevel(t *testing.T) {
	for name, start := range map[string]string{"Confluent": "", "Apicurio": LevelNone, "another level": LevelBackward} {
		t.Run(name, func(t *testing.T) {
			r, puts := levelServer(t, start, false)
			for range 2 {
				if err := r.EnsureCompatibility(t.Context(), "orders-value", LevelFullTransitive); err != nil {
					t.Fatal(err)
				}
			}
			if puts.Load() != 1 {
				t.Errorf("wrote the level %d times", puts.Load())
			}
		})
	}
	r, _ := levelServer(t, LevelNone, true)
	err := r.EnsureCompatibility(t.Context(), "orders-value", LevelFullTransitive)
	if err == nil || !strings.Contains(err.Error(), "answers NONE") {
		t.Errorf("a registry that forgets: got %v", err)
	}
	if err := r.EnsureCompatibility(t.Context(), "orders-value", "SOME"); err == nil {
		t.Error("a level that there is not was accepted")
	}
	away := answer(t, 503, "")
	if err := away.EnsureCompatibility(t.Context(), "orders-value", LevelFullTransitive); !errors.Is(err, ErrUnavailable) {
		t.Errorf("away: got %v", err)
	}
}

// TestRegistry_GoesAwayAndComesBack: what is known goes on working without the
// registry, what is not fails for now, and works once it is back.
func TestRegistry_GoesAwayAndComesBack(t *testing.T) {
	fake := srfake.NewRegistry()
	start := func(address string) *httptest.Server {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewUnstartedServer(fake.Handler())
		server.Listener.Close()
		server.Listener = listener
		server.Start()
		return server
	}
	server := start("127.0.0.1:0")
	address := server.Listener.Addr().String()
	registry := mustRegistry(t, RegistryConfig{URL: "http://" + address})
	publisher := mustRegistry(t, RegistryConfig{URL: "http://" + address})

	known, err := registry.Register(t.Context(), "orders-value", orderV1)
	if err != nil {
		t.Fatal(err)
	}
	unknown, err := publisher.Register(t.Context(), "orders-value", orderV2)
	if err != nil {
		t.Fatal(err)
	}
	decoder := mustDecoder(t, orderV1, registry)
	v1 := append(appendFrame(nil, known), encodeV1(t)[frameLength:]...)
	v2 := append(appendFrame(nil, unknown), encodeV2(t)[frameLength:]...)

	server.Close()
	if _, err := decoder.Decode(t.Context(), v1); err != nil {
		t.Errorf("known schema while away: got %v", err)
	}
	if _, err := decoder.Decode(t.Context(), v2); !errors.Is(err, ErrUnavailable) || Permanent(err) {
		t.Errorf("unknown schema while away: got %v", err)
	}
	if _, err := registry.Register(t.Context(), "orders-value", orderV1); !errors.Is(err, ErrUnavailable) {
		t.Errorf("register while away: got %v", err)
	}

	server = start(address)
	t.Cleanup(server.Close)
	if _, err := decoder.Decode(t.Context(), v2); err != nil {
		t.Errorf("back: got %v", err)
	}
}

func TestRegistry_GivesUpInTime(t *testing.T) {
	release := make(chan struct{})
	url := serve(t, func(_ http.ResponseWriter, req *http.Request) bool {
		select {
		case <-release:
		case <-req.Context().Done():
		}
		return true
	})
	defer close(release)
	slow := mustRegistry(t, RegistryConfig{URL: url, Timeout: 20 * time.Millisecond})
	if _, err := slow.SchemaByID(t.Context(), 1); !errors.Is(err, ErrUnavailable) || Permanent(err) {
		t.Errorf("timeout: got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	patient := mustRegistry(t, RegistryConfig{URL: url})
	if _, err := patient.SchemaByID(ctx, 1); !errors.Is(err, context.Canceled) || Permanent(err) {
		t.Errorf("canceled: got %v", err)
	}
}
