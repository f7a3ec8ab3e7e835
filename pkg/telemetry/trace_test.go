package telemetry

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func inMemory(t *testing.T, service string) (*Tracing, *tracetest.InMemoryExporter) {
	t.Helper()
	spans := tracetest.NewInMemoryExporter()
	tracing := newTracing(TraceConfig{Service: service}, sdktrace.AlwaysSample(), sdktrace.WithSyncer(spans))
	t.Cleanup(func() { shutdown(t, tracing) })
	return tracing, spans
}

func shutdown(t *testing.T, tracing *Tracing) {
	t.Helper()
	if err := tracing.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestTrace_CrossesOutboxAndInboxAsText(t *testing.T) {
	order, orderSpans := inMemory(t, "order")
	payment, paymentSpans := inMemory(t, "payment")

	ctx, request := order.Tracer("http").Start(t.Context(), "POST /orders")
	ctx, commit := order.Tracer("store").Start(ctx, "commit")
	storedInOutbox := Inject(ctx)
	commit.End()
	request.End()

	relayed, publish := order.Tracer("outbox").Start(Extract(context.Background(), storedInOutbox), "publish")
	sentInHeader := Inject(relayed)
	publish.End()

	_, react := payment.Tracer("inbox").Start(Extract(context.Background(), sentInHeader), "react")
	react.End()

	spans := append(orderSpans.GetSpans(), paymentSpans.GetSpans()...)
	byName := map[string]tracetest.SpanStub{}
	for _, span := range spans {
		byName[span.Name] = span
	}
	chain := []string{"POST /orders", "commit", "publish", "react"}
	for i, name := range chain[1:] {
		parent, span := byName[chain[i]], byName[name]
		if span.Parent.SpanID() != parent.SpanContext.SpanID() || span.SpanContext.TraceID() != parent.SpanContext.TraceID() {
			t.Errorf("%s continues %v, want %s %v", name, span.Parent, chain[i], parent.SpanContext)
		}
		if span.Resource == nil || !span.SpanContext.IsSampled() {
			t.Errorf("%s lost its resource or the decision to sample it", name)
		}
	}
	if service, _ := byName["react"].Resource.Set().Value("service.name"); service.AsString() != "payment" {
		t.Errorf("react belongs to %q, want payment", service.AsString())
	}
}

func TestTrace_PropagatesWithoutACollector(t *testing.T) {
	tracing, err := NewTracing(t.Context(), TraceConfig{Service: "order"}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer shutdown(t, tracing)
	ctx, span := tracing.Tracer("http").Start(t.Context(), "POST /orders")
	defer span.End()

	if span.IsRecording() {
		t.Error("a span that nobody will see is recorded")
	}
	restored := trace.SpanContextFromContext(Extract(context.Background(), Inject(ctx)))
	if restored.TraceID() != span.SpanContext().TraceID() || restored.SpanID() != span.SpanContext().SpanID() {
		t.Errorf("restored %v from %v", restored, span.SpanContext())
	}
}

func TestTrace_KeepsTheDecisionOfWhoBeganIt(t *testing.T) {
	tracing, err := NewTracing(t.Context(), TraceConfig{Service: "order"}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer shutdown(t, tracing)
	for _, c := range []struct{ parent, flags string }{
		{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "01"},
		{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", "00"},
	} {
		ctx, span := tracing.Tracer("http").Start(Extract(t.Context(), c.parent), "GET")
		span.End()
		got := Inject(ctx)
		if got[:36] != c.parent[:36] || got[len(got)-2:] != c.flags {
			t.Errorf("%s went on as %s", c.parent, got)
		}
	}
}

func TestExtract_IgnoresWhatIsNotATraceparent(t *testing.T) {
	for _, foreign := range []string{"", "hello", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "00-4bf9"} {
		if ctx := Extract(t.Context(), foreign); trace.SpanContextFromContext(ctx).IsValid() {
			t.Errorf("%q gave a span context", foreign)
		}
	}
	if got := Inject(t.Context()); got != "" {
		t.Errorf("a context without a span gave %q", got)
	}
}

func TestNewTracing_ExportsToTheCollector(t *testing.T) {
	posted := make(chan string, 1)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		posted <- r.URL.Path
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	defer collector.Close()

	tracing, err := NewTracing(t.Context(), TraceConfig{Service: "order", Endpoint: collector.URL}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	_, span := tracing.Tracer("http").Start(t.Context(), "POST /orders")
	span.End()
	shutdown(t, tracing)
	if path := <-posted; path != "/v1/traces" {
		t.Errorf("posted to %s", path)
	}
}

func TestNewTracing_WarnsAndGoesOnWithoutTheCollector(t *testing.T) {
	collector := httptest.NewServer(http.NotFoundHandler())
	defer collector.Close()
	core, logs := observer.New(zapcore.WarnLevel)

	tracing, err := NewTracing(t.Context(), TraceConfig{Service: "order", Endpoint: collector.URL}, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	_, span := tracing.Tracer("http").Start(t.Context(), "POST /orders")
	span.End()
	shutdown(t, tracing)
	if logs.FilterMessage("export spans").Len() != 1 {
		t.Errorf("logged %v, want one warning", logs.All())
	}
}

func TestNewTracing_ReportsAllWrongSettings(t *testing.T) {
	_, err := NewTracing(t.Context(), TraceConfig{Endpoint: "collector:4318", SampleRatio: 2}, zap.NewNop())
	want := "trace sample ratio 2: want 0 to 1\n" + `trace endpoint "collector:4318": want http://host:port or https://host:port`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestFields_NameCorrelationAndTrace(t *testing.T) {
	if got := Fields(t.Context()); len(got) != 0 {
		t.Errorf("an empty context gave %v", got)
	}
	ctx := Extract(WithCorrelation(t.Context(), "c-1"), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	encoder := zapcore.NewMapObjectEncoder()
	for _, field := range Fields(ctx) {
		field.AddTo(encoder)
	}
	if encoder.Fields["correlation_id"] != "c-1" || encoder.Fields["trace_id"] != "4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Errorf("got %v", encoder.Fields)
	}
}
