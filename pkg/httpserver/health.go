package httpserver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// probeTimeout bounds one readiness check: less than the interval at which an
// orchestrator asks, and than its patience.
const probeTimeout = 2 * time.Second

// The states of [Readiness].
const (
	// StatusReady: every check passed.
	StatusReady = "ready"
	// StatusDegraded: only checks that are not required failed; requests are
	// welcome.
	StatusDegraded = "degraded"
	// StatusUnready: a required check failed.
	StatusUnready = "unready"
	// StatusDraining: the server is stopping.
	StatusDraining = "draining"
)

// Check tells whether something that the service uses is available.
type Check struct {
	// Name identifies the check in the answer.
	Name string
	// Required checks decide readiness: the own database and its migrations.
	// The others only show as degraded, since the service still accepts work
	// without them.
	Required bool
	// Probe returns nil when it is available. It must return soon after its
	// context ends, and is called by one goroutine at a time.
	Probe func(ctx context.Context) error
}

// CheckResult is the outcome of one [Check].
type CheckResult struct {
	Name     string  `json:"name"`
	Required bool    `json:"required"`
	OK       bool    `json:"ok"`
	Error    string  `json:"error,omitempty"`
	Millis   float64 `json:"ms"`
}

// Readiness is the answer of /readyz: 200 when ready or degraded, else 503.
type Readiness struct {
	Status string        `json:"status"`
	Checks []CheckResult `json:"checks"`
}

// health runs the checks of a server.
type health struct {
	draining <-chan struct{}
	asking   singleflight.Group

	mu     sync.Mutex
	checks []Check
}

func (h *health) add(check Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = append(h.checks, check)
}

// readiness runs all checks at once. Concurrent callers share one run, so a
// flood of probes does not become a flood of queries.
func (h *health) readiness() Readiness {
	shared, _, _ := h.asking.Do("", func() (any, error) {
		h.mu.Lock()
		checks := h.checks
		h.mu.Unlock()
		results := make([]CheckResult, len(checks))
		var probing sync.WaitGroup
		for i, check := range checks {
			probing.Go(func() { results[i] = probe(check) })
		}
		probing.Wait()
		return results, nil
	})
	results, _ := shared.([]CheckResult)
	return Readiness{Status: h.status(results), Checks: results}
}

func (h *health) status(results []CheckResult) string {
	select {
	case <-h.draining:
		return StatusDraining
	default:
	}
	status := StatusReady
	for _, result := range results {
		if !result.OK && result.Required {
			return StatusUnready
		}
		if !result.OK {
			status = StatusDegraded
		}
	}
	return status
}

// probe is not bound to a request: its result is shared by several.
func probe(check Check) (result CheckResult) {
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	begun := time.Now()
	result = CheckResult{Name: check.Name, Required: check.Required}
	defer func() {
		if v := recover(); v != nil {
			result.OK, result.Error = false, fmt.Sprintf("panic: %v", v)
		}
		result.Millis = float64(time.Since(begun).Microseconds()) / 1000
	}()
	if err := check.Probe(ctx); err != nil {
		result.Error = err.Error()
		return result
	}
	result.OK = true
	return result
}

func (h *health) serveReady(w http.ResponseWriter, _ *http.Request) {
	readiness := h.readiness()
	code := http.StatusOK
	if readiness.Status == StatusUnready || readiness.Status == StatusDraining {
		code = http.StatusServiceUnavailable
	}
	writeJSON(w, code, readiness)
}

// serveLive says that the process answers. It checks nothing: a restart mends
// no dependency.
func serveLive(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "alive"})
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}
