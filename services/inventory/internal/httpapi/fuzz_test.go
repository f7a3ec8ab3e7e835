package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/avro"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/sqlite"
	"github.com/murmuration-dev/murmuration/pkg/httpserver"
	"github.com/murmuration-dev/murmuration/services/inventory/internal/contract"
	"github.com/murmuration-dev/murmuration/services/inventory/internal/httpapi"
)

// fuzzedAPI is the API over a store of its own.
func fuzzedAPI(f *testing.F) http.Handler {
	f.Helper()
	registry := httptest.NewServer(srfake.NewRegistry().Handler())
	f.Cleanup(registry.Close)
	client, err := avro.NewRegistry(avro.RegistryConfig{URL: registry.URL})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(client.Close)
	c, err := contract.New(f.Context(), client)
	if err != nil {
		f.Fatal(err)
	}
	store, err := sqlite.Open(f.Context(), sqlite.Config{Path: filepath.Join(f.TempDir(), "inventory.db")})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := store.Close(); err != nil {
			f.Error(err)
		}
	})
	server, err := httpserver.New(httpserver.Config{Title: "inventory", Version: "fuzz", Addr: "127.0.0.1:0"}, httpserver.Deps{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = server.Close() })
	httpapi.Register(server.API(), httpapi.Deps{Store: store, Commands: aggregate.NewCommands(store), Contract: c, Now: time.Now})
	return server.Handler()
}

// FuzzRequest: whatever a client sends, it gets JSON and never a server's error;
// and what is on the shelf adds up.
func FuzzRequest(f *testing.F) {
	handler := fuzzedAPI(f)
	f.Add(uint8(0), "85123A", "", "", `{"id":"r-1","quantity":10}`)
	f.Add(uint8(0), "85123A", "", "key", `{"id":"r-1","quantity":11}`)
	f.Add(uint8(0), "85123A", "", "", `{"id":"r-2","quantity":1e400}`)
	f.Add(uint8(1), "85123A", "", "", `{"id":"w-1","quantity":3,"reason":"broken"}`)
	f.Add(uint8(1), "85123A", "", "", `{"id":"w-2","quantity":-9223372036854775808}`)
	f.Add(uint8(2), "85123A", "", "", ``)
	f.Add(uint8(3), "", "after=85&limit=5", "", ``)
	f.Add(uint8(4), "85123A", "after=0", "", ``)
	f.Add(uint8(5), "o-1", "", "", ``)
	f.Fuzz(func(t *testing.T, which uint8, id, query, key, body string) {
		path := []string{"/stock/%s/receipts", "/stock/%s/write-offs", "/stock/%s", "/stock", "/stock/%s/history", "/reservations/%s"}[which%6]
		method := http.MethodPost
		if which%6 >= 2 {
			method = http.MethodGet
		}
		request := httptest.NewRequest(method, "/", strings.NewReader(body))
		request.URL = &url.URL{Path: strings.Replace(path, "%s", id, 1), RawQuery: query}
		request.Header.Set("Content-Type", "application/json")
		if key != "" {
			request.Header.Set("Idempotency-Key", key)
		}
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		redirected := answer.Code/100 == 3 // a path that the router cleans
		if answer.Code >= 500 || answer.Body.Len() > 0 && !redirected && !json.Valid(answer.Body.Bytes()) {
			t.Fatalf("%s %s %q: %d %s", method, request.URL, body, answer.Code, answer.Body)
		}
		var item struct {
			OnHand    int64 `json:"on_hand"`
			Available int64 `json:"available"`
		}
		if answer.Code < 300 && json.Unmarshal(answer.Body.Bytes(), &item) == nil && (item.Available < 0 || item.Available > item.OnHand) {
			t.Fatalf("%s %s %q: %s", method, request.URL, body, answer.Body)
		}
	})
}
