package httpserver

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/murmuration-dev/murmuration/pkg/telemetry"
)

// durationBuckets run from a cached read to the longest wait.
var durationBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

// requestMetrics are labelled with the route's pattern, never with a path: the
// number of series is bounded by the number of operations.
type requestMetrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newRequestMetrics(registry *telemetry.Metrics) *requestMetrics {
	return &requestMetrics{
		requests: register(registry, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total",
			Help: "Answered requests by route and status code; 499 is a client that left, route none matched no operation or had no slot.",
		}, []string{"route", "code"})),
		duration: register(registry, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "http_request_duration_seconds",
			Help:    "Time from the request's headers to the end of its answer, by route.",
			Buckets: durationBuckets,
		}, []string{"route"})),
		inFlight: register(registry, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "http_requests_in_flight",
			Help: "Requests being worked on.",
		})),
	}
}

// register adds a collector, or returns the one that an earlier server of the
// same registry added.
func register[C prometheus.Collector](registry prometheus.Registerer, collector C) C {
	err := registry.Register(collector)
	if err == nil {
		return collector
	}
	var present prometheus.AlreadyRegisteredError
	if errors.As(err, &present) {
		if existing, ok := present.ExistingCollector.(C); ok {
			return existing
		}
	}
	panic(fmt.Errorf("register request metrics: %w", err)) // another metric has the name: a mistake in the program
}

func (m *requestMetrics) observe(route string, code int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(code)).Inc()
	m.duration.WithLabelValues(route).Observe(took.Seconds())
}
