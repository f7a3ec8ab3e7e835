package httpserver_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/httpserver"
)

const benchBody = `{"sku":"85123A","quantity":6}`

// discard is a response writer that costs nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

func serve(b *testing.B, handler http.Handler, method, body string) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		request := httptest.NewRequest(method, "/orders/42", strings.NewReader(body))
		handler.ServeHTTP(&discard{header: http.Header{}}, request)
	}
}

func benchServer(b *testing.B) *httpserver.Server {
	b.Helper()
	server, err := httpserver.New(httpserver.Config{Title: "Orders", Version: "1.0.0", Addr: "127.0.0.1:0"}, httpserver.Deps{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = server.Close() })
	h := &harness{Server: server}
	h.get = func(context.Context, *orderID) (*orderAnswer, error) { return &orderAnswer{}, nil }
	h.register()
	return server
}

// BenchmarkPut compares the whole path (pipeline, huma, validation, metrics)
// with the least that reads and answers the same JSON.
func BenchmarkPut(b *testing.B) {
	b.Run("server", func(b *testing.B) { serve(b, benchServer(b).Handler(), "PUT", benchBody) })
	b.Run("bare", func(b *testing.B) {
		mux := http.NewServeMux()
		mux.HandleFunc("PUT /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
			var in orderBody
			text, err := io.ReadAll(r.Body)
			if err != nil {
				b.Fatal(err)
			}
			if err := json.Unmarshal(text, &in); err != nil {
				b.Fatal(err)
			}
			var out orderAnswer
			out.Body.ID, out.Body.Quantity = r.PathValue("id"), in.Quantity
			if err := json.NewEncoder(w).Encode(out.Body); err != nil {
				b.Fatal(err)
			}
		})
		serve(b, mux, "PUT", benchBody)
	})
}

// BenchmarkGet is a read without a body.
func BenchmarkGet(b *testing.B) { serve(b, benchServer(b).Handler(), "GET", "") }
