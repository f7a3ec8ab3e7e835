package telemetry

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func scrape(m *Metrics) string {
	response := httptest.NewRecorder()
	m.Handler().ServeHTTP(response, httptest.NewRequest("GET", "/metrics", nil))
	return response.Body.String()
}

func TestMetrics_AreTheServicesOwn(t *testing.T) {
	order, payment := NewMetrics(), NewMetrics()
	published := prometheus.NewCounter(prometheus.CounterOpts{Name: "outbox_published_total", Help: "Published records."})
	order.MustRegister(published)
	published.Add(3)

	if got := scrape(order); !strings.Contains(got, "outbox_published_total 3") {
		t.Error("the order service's metrics lack its counter")
	}
	if got := scrape(payment); strings.Contains(got, "outbox_published_total") {
		t.Error("the payment service's metrics have the order service's counter")
	}
}

func TestMetrics_IncludeRuntimeAndProcess(t *testing.T) {
	got := scrape(NewMetrics())
	for _, want := range []string{"go_goroutines ", "process_open_fds ", "go_build_info{"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s", want)
		}
	}
}
