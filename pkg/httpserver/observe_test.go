package httpserver_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/murmuration-dev/murmuration/pkg/httpserver"
)

func TestServer_SpansAreNamedByRouteAndContinueTheClientsTrace(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	server, err := httpserver.New(httpserver.Config{Title: "Orders", Version: "1.0.0", Addr: "127.0.0.1:0"},
		httpserver.Deps{Tracer: provider.Tracer("http")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	h := &harness{Server: server}
	h.get = func(ctx context.Context, _ *orderID) (*orderAnswer, error) {
		_, child := provider.Tracer("store").Start(ctx, "load")
		child.End()
		return nil, httpserver.Problem(http.StatusServiceUnavailable, httpserver.KindUnavailable, "The database is away.")
	}
	h.register()

	request := httptest.NewRequest("GET", "/orders/42", nil)
	request.Header.Set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	server.Handler().ServeHTTP(httptest.NewRecorder(), request)

	ended := spans.Ended()
	if len(ended) != 2 {
		t.Fatalf("%d spans, want load and the request's", len(ended))
	}
	load, served := ended[0], ended[1]
	if served.Name() != "GET /orders/{id}" || served.SpanKind() != trace.SpanKindServer {
		t.Errorf("the request's span is %s %s", served.SpanKind(), served.Name())
	}
	if served.Parent().SpanID().String() != "00f067aa0ba902b7" || load.Parent().SpanID() != served.SpanContext().SpanID() {
		t.Errorf("the chain is broken: client, %v, %v", served.Parent(), load.Parent())
	}
	if served.Status().Description != "Service Unavailable" {
		t.Errorf("status is %v", served.Status())
	}
}

func TestServer_CountsAClientThatLeftAs499AndLogsNothing(t *testing.T) {
	g := newGate()
	h := start(t, httpserver.Config{}, func(h *harness) { h.get = g.get })
	ctx, leave := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, "GET", h.URL()+"/orders/42", nil)
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if response, err := h.client.Do(request); err == nil {
			_ = response.Body.Close()
		}
	}()
	<-g.entered
	leave()
	<-gone
	eventually(t, "the request is counted as 499", func() bool {
		return strings.Contains(h.do(t, "GET", "/metrics", "").body, `http_requests_total{code="499",route="GET /orders/{id}"} 1`)
	})
	if h.logs.Len() != 0 {
		t.Errorf("logged %v", h.logs.All())
	}
}
