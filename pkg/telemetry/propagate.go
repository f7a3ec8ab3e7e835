package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
)

// traceparentHeader is the one header of W3C Trace Context that is handed on.
// tracestate is not: it is a vendor's, and a stored row is read long after.
const traceparentHeader = "traceparent"

var propagator propagation.TraceContext

// parentCarrier carries a traceparent alone.
type parentCarrier string

func (c *parentCarrier) Get(key string) string {
	if key == traceparentHeader {
		return string(*c)
	}
	return ""
}

func (c *parentCarrier) Set(key, value string) {
	if key == traceparentHeader {
		*c = parentCarrier(value)
	}
}

func (c *parentCarrier) Keys() []string { return []string{traceparentHeader} }

// Inject returns the W3C traceparent of ctx's span, or "" without one. Store
// it with what will be worked on later, and give it to [Extract] there.
func Inject(ctx context.Context) string {
	var carrier parentCarrier
	propagator.Inject(ctx, &carrier)
	return string(carrier)
}

// Extract returns a context in which the next span continues the trace of
// traceparent. An empty or malformed traceparent leaves ctx as it is: a
// foreign header never makes a message fail.
func Extract(ctx context.Context, traceparent string) context.Context {
	if traceparent == "" {
		return ctx
	}
	carrier := parentCarrier(traceparent)
	return propagator.Extract(ctx, &carrier)
}

type correlationKey struct{}

// WithCorrelation returns a context that carries the id which all work for one
// request from outside has in common.
func WithCorrelation(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, correlationKey{}, id)
}

// Correlation returns the correlation id of ctx, or "".
func Correlation(ctx context.Context) string {
	id, _ := ctx.Value(correlationKey{}).(string)
	return id
}

// Fields returns ctx's correlation id and trace id as log fields, so that a
// line can be found from a response header or from a trace.
func Fields(ctx context.Context) []zap.Field {
	fields := make([]zap.Field, 0, 2)
	if id := Correlation(ctx); id != "" {
		fields = append(fields, zap.String("correlation_id", id))
	}
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		fields = append(fields, zap.Stringer("trace_id", span.TraceID()))
	}
	return fields
}
