package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/avro"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/sqlite"
	"github.com/murmuration-dev/murmuration/pkg/httpserver"
	"github.com/murmuration-dev/murmuration/services/payment"
	"github.com/murmuration-dev/murmuration/services/payment/internal/contract"
	"github.com/murmuration-dev/murmuration/services/payment/internal/httpapi"
)

// fuzzedAPI is the API over a store of its own, with the payment o-1.
func fuzzedAPI(f *testing.F) http.Handler {
	f.Helper()
	registry := httptest.NewServer(srfake.NewRegistry().Handler())
	f.Cleanup(registry.Close)
	client, err := avro.NewRegistry(avro.RegistryConfig{URL: registry.URL})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(client.Close)
	payments, _, err := contract.New(f.Context(), client)
	if err != nil {
		f.Fatal(err)
	}
	store, err := sqlite.Open(f.Context(), sqlite.Config{Path: filepath.Join(f.TempDir(), "payment.db")})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := store.Close(); err != nil {
			f.Error(err)
		}
	})
	server, err := httpserver.New(httpserver.Config{Title: "payments", Version: "fuzz", Addr: "127.0.0.1:0"}, httpserver.Deps{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = server.Close() })
	httpapi.Register(server.API(), httpapi.Deps{Store: store, Payments: payments})
	err = aggregate.Run(f.Context(), aggregate.NewCommands(store), payments, "o-1",
		func(_ *aggregate.Session, root *aggregate.Root[payment.State, payment.Observed, payment.Event]) error {
			return root.Apply(eventstore.Meta{}, payment.Authorized{OrderID: "o-1", Currency: "EUR"})
		})
	if err != nil {
		f.Fatal(err)
	}
	return server.Handler()
}

// FuzzRequest: whatever a client asks for, it gets JSON and never a server's
// error.
func FuzzRequest(f *testing.F) {
	handler := fuzzedAPI(f)
	f.Add("/payments/o-1", "")
	f.Add("/payments/o-2", "x=%00")
	f.Add("/payments/o-1/history", "after=0&limit=10")
	f.Add("/payments/o-1/history", "after=-9223372036854775809&limit=0")
	f.Add("/payments//", "limit=%")
	f.Fuzz(func(t *testing.T, path, query string) {
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.URL = &url.URL{Path: path, RawQuery: query}
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		redirected := answer.Code/100 == 3 // a path that the router cleans
		if answer.Code >= 500 || answer.Body.Len() > 0 && !redirected && !json.Valid(answer.Body.Bytes()) {
			t.Fatalf("%s: %d %s", request.URL, answer.Code, answer.Body)
		}
	})
}
