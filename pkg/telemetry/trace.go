package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
)

const (
	// tracesPath is where a collector takes spans when the endpoint names no
	// path of its own, as OTLP over HTTP defines.
	tracesPath = "/v1/traces"
	// exportWarnInterval is how often an unreachable collector is mentioned.
	exportWarnInterval = time.Minute
)

// TraceConfig says where spans go.
type TraceConfig struct {
	// Service is the name of the service, in every span's resource.
	Service string
	// Version of the service; empty leaves it out.
	Version string
	// Endpoint is the collector's OTLP/HTTP address, for example
	// http://collector:4318. Without it nothing is recorded or exported, but
	// trace ids are made and handed on all the same.
	Endpoint string
	// SampleRatio is the share of traces that begin here and are exported, from
	// 0 (exclusive) to 1; 0 means all. A trace that began elsewhere keeps the
	// decision that was made there.
	SampleRatio float64
}

func (c TraceConfig) validate() error {
	var faults []error
	if c.SampleRatio < 0 || c.SampleRatio > 1 {
		faults = append(faults, fmt.Errorf("trace sample ratio %g: want 0 to 1", c.SampleRatio))
	}
	if c.Endpoint != "" {
		endpoint, err := url.Parse(c.Endpoint)
		if err != nil || endpoint.Host == "" || endpoint.Scheme != "http" && endpoint.Scheme != "https" {
			faults = append(faults, fmt.Errorf("trace endpoint %q: want http://host:port or https://host:port", c.Endpoint))
		}
	}
	return errors.Join(faults...)
}

// Tracing makes the tracers of one service. It is safe for concurrent use.
type Tracing struct{ provider *sdktrace.TracerProvider }

// NewTracing returns a Tracing that is ready; it does not wait for the
// collector. It fails for wrong settings only, and reports all of them.
func NewTracing(ctx context.Context, cfg TraceConfig, log *zap.Logger) (*Tracing, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if cfg.Endpoint == "" {
		return newTracing(cfg, sdktrace.NeverSample()), nil
	}
	endpoint, err := url.Parse(cfg.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("trace endpoint: %w", err)
	}
	if endpoint.Path == "" || endpoint.Path == "/" {
		endpoint.Path = tracesPath
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint.String()))
	if err != nil {
		return nil, fmt.Errorf("trace exporter to %s: %w", endpoint.Redacted(), err)
	}
	quiet := &quietExporter{SpanExporter: exporter, throttle: NewThrottle(log, exportWarnInterval)}
	return newTracing(cfg, sampler(cfg.SampleRatio), sdktrace.WithBatcher(quiet)), nil
}

func sampler(ratio float64) sdktrace.Sampler {
	if ratio == 0 {
		return sdktrace.AlwaysSample()
	}
	return sdktrace.TraceIDRatioBased(ratio)
}

func newTracing(cfg TraceConfig, root sdktrace.Sampler, opts ...sdktrace.TracerProviderOption) *Tracing {
	attributes := []attribute.KeyValue{attribute.String("service.name", cfg.Service)}
	if cfg.Version != "" {
		attributes = append(attributes, attribute.String("service.version", cfg.Version))
	}
	opts = append(opts,
		sdktrace.WithResource(resource.NewSchemaless(attributes...)),
		sdktrace.WithSampler(sdktrace.ParentBased(root)),
	)
	return &Tracing{provider: sdktrace.NewTracerProvider(opts...)}
}

// Tracer returns the tracer of a part of the program, such as "outbox".
func (t *Tracing) Tracer(name string) trace.Tracer { return t.provider.Tracer(name) }

// Shutdown exports what is pending, until ctx ends, and stops the exporting
// goroutine. Spans that end later are dropped.
func (t *Tracing) Shutdown(ctx context.Context) error {
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("shut tracing down: %w", err)
	}
	return nil
}

// quietExporter reports failures through a throttle of the service, in place
// of OpenTelemetry's process-wide handler that prints every one.
type quietExporter struct {
	sdktrace.SpanExporter
	throttle *Throttle
}

func (e *quietExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil {
		e.throttle.Failed("export spans", err, zap.Int("dropped", len(spans)))
		return nil
	}
	e.throttle.Recovered("spans are exported again")
	return nil
}
