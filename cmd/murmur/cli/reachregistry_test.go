package cli

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// locked is a registry that lets in one user only, and counts whom it turned away.
func locked(t *testing.T, user, password string) (address string, refused *atomic.Int64) {
	t.Helper()
	at, err := url.Parse(shared.Registry)
	if err != nil {
		t.Fatal(err)
	}
	refused = new(atomic.Int64)
	transport := &http.Transport{}
	inside := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(at) }, Transport: transport}
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, ok := r.BasicAuth(); !ok || u != user || p != password {
			refused.Add(1)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		inside.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		door.Close()
		transport.CloseIdleConnections()
	})
	return door.URL, refused
}

// Commands reach a registry that asks who they are with what services take from the
// environment.
func TestReachRegistry_TakesCredentialsFromTheEnvironment(t *testing.T) {
	shared.stock(t, "SPOON", 10)
	shared.place(t, "registry-1", "SPOON", "pm_card_visa")
	registry, refused := locked(t, "reader", "right")
	t.Setenv("SCHEMA_REGISTRY_USERNAME", "reader")
	t.Setenv("SCHEMA_REGISTRY_PASSWORD", "right")
	contains(t, succeed(t, "tail", "orders", "--key", "registry-1", "--last", "1", "--full", "--data", shared.data, "--registry", registry), "decoded with registry id ")
	contains(t, succeed(t, "audit", "--data", shared.data, "--registry", registry), "consistent")
	if n := refused.Load(); n > 0 {
		t.Errorf("turned away %d times", n)
	}
	t.Setenv("SCHEMA_REGISTRY_PASSWORD", "wrong")
	_, errs, _ := murmur(t, "tail", "orders", "--key", "registry-1", "--last", "1", "--data", shared.data, "--registry", registry)
	if refused.Load() == 0 || !strings.Contains(errs, "going on with the schemas built into this program") {
		t.Errorf("went on without a word: %s", errs)
	}
}
