package httpserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/pkg/telemetry"
)

// CorrelationHeader names the id that all work for one request has in common.
// It is taken from the request, or made, and echoed.
const CorrelationHeader = "X-Correlation-ID"

const (
	// The canonical forms, to read a header map without converting.
	correlationKey = "X-Correlation-Id"
	traceparentKey = "Traceparent"

	// maxCorrelationBytes keeps a foreign id from filling logs and headers.
	maxCorrelationBytes = 128

	// overloadRetry is soon: a slot is free when any request ends.
	overloadRetry = time.Second

	// statusClientGone is what the metrics show for a request whose client left
	// before the answer, as nginx does.
	statusClientGone = 499
)

// pipeline is what every API request goes through, in one function so that the
// order is seen.
type pipeline struct {
	mux     http.Handler
	log     *zap.Logger
	tracer  trace.Tracer
	metrics *requestMetrics
	slots   chan struct{}
	maxBody int64
	bodyFor time.Duration
}

func newPipeline(cfg Config, deps Deps, mux http.Handler) *pipeline {
	return &pipeline{
		mux:     mux,
		log:     deps.Logger,
		tracer:  deps.Tracer,
		metrics: newRequestMetrics(deps.Metrics),
		slots:   make(chan struct{}, cfg.MaxInFlight),
		maxBody: cfg.MaxBodyBytes,
		bodyFor: cfg.BodyTimeout,
	}
}

func (p *pipeline) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	id := correlationID(r.Header)
	w.Header()[correlationKey] = []string{id}

	ctx := telemetry.WithCorrelation(r.Context(), id)
	if parent := r.Header[traceparentKey]; len(parent) > 0 {
		ctx = telemetry.Extract(ctx, parent[0])
	}
	ctx, span := p.tracer.Start(ctx, r.Method, trace.WithSpanKind(trace.SpanKindServer))
	r = r.WithContext(ctx)

	answer := &response{ResponseWriter: w}
	defer p.finish(answer, r, span, begun)
	select {
	case p.slots <- struct{}{}:
		p.metrics.inFlight.Inc()
		defer func() { <-p.slots; p.metrics.inFlight.Dec() }()
	default:
		answer.Header().Set("Retry-After", retrySeconds(overloadRetry))
		writeProblem(answer, http.StatusServiceUnavailable, KindOverloaded, "Too many requests are being worked on.")
		return
	}
	defer p.recoverPanic(answer, r)
	if !p.guardBody(answer, r) {
		return
	}
	p.mux.ServeHTTP(answer, r)
}

// finish counts the request and ends its span. The mux has left the route's
// pattern in r.
func (p *pipeline) finish(answer *response, r *http.Request, span trace.Span, begun time.Time) {
	code := answer.code()
	if errors.Is(r.Context().Err(), context.Canceled) {
		code = statusClientGone
	}
	route := r.Pattern
	if route == "" || route == catchAll {
		route = "none"
	}
	p.metrics.observe(route, code, time.Since(begun))
	if span.IsRecording() {
		span.SetName(route)
		span.SetAttributes(
			attribute.String("http.request.method", r.Method),
			attribute.String("http.route", route),
			attribute.Int("http.response.status_code", code),
		)
		if code >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, http.StatusText(code))
		}
	}
	span.End()
}

// recoverPanic answers 500, or breaks the connection when an answer has begun:
// the client must not take half of one for whole.
func (p *pipeline) recoverPanic(answer *response, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(v)
	}
	p.log.Error("request panicked", append(telemetry.Fields(r.Context()),
		zap.String("route", r.Pattern), zap.String("panic", fmt.Sprint(v)), zap.ByteString("stack", debug.Stack()))...)
	if answer.status != 0 {
		panic(http.ErrAbortHandler)
	}
	writeProblem(answer, http.StatusInternalServerError, KindInternal, internalDetail)
}

// guardBody bounds the request's body in size and time. It answers 413 at once
// when the declared length is too large; huma counts what has no length.
func (p *pipeline) guardBody(answer *response, r *http.Request) bool {
	if r.Body == nil || r.Body == http.NoBody {
		return true
	}
	if r.ContentLength > p.maxBody {
		answer.Header().Set("Connection", "close")
		writeProblem(answer, http.StatusRequestEntityTooLarge, KindTooLarge,
			"The body has more than "+strconv.FormatInt(p.maxBody, 10)+" bytes.")
		return false
	}
	// huma sets a deadline only when an operation reads the body; this one also
	// ends the wait for a body that nobody reads. net/http lifts it at the
	// body's end, so it does not cut a long poll short.
	_ = http.NewResponseController(answer).SetReadDeadline(time.Now().Add(p.bodyFor)) // a recorder in a test has none
	r.Body = http.MaxBytesReader(answer.ResponseWriter, r.Body, p.maxBody+1)
	return true
}

// correlationID returns the client's id if it can be logged and sent on as it
// is, else a new one.
func correlationID(header http.Header) string {
	if given := header[correlationKey]; len(given) > 0 && printable(given[0]) {
		return given[0]
	}
	return rand.Text()
}

func printable(id string) bool {
	if id == "" || len(id) > maxCorrelationBytes {
		return false
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}
