package telemetry

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// maxScrapes bounds concurrent scrapes: two scrapers and a person.
const maxScrapes = 3

// Metrics is the Prometheus registry of one service: a
// [prometheus.Registerer] and a [prometheus.Gatherer]. It is safe for
// concurrent use.
type Metrics struct{ *prometheus.Registry }

// NewMetrics returns a registry that already has the Go runtime's, the
// process's and the build's metrics.
func NewMetrics() *Metrics {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	)
	return &Metrics{Registry: registry}
}

// Handler serves the registry in Prometheus' text formats. A collector that
// fails leaves out its own metrics only, and is counted.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.Registry, promhttp.HandlerOpts{
		ErrorHandling:       promhttp.ContinueOnError,
		Registry:            m.Registry,
		MaxRequestsInFlight: maxScrapes,
		EnableOpenMetrics:   true,
	})
}
