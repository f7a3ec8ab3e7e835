package httpserver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	// probeTimeout bounds one readiness check: less than the interval at which an
	// orchestrator asks, and than its patience.
	probeTimeout = 2 * time.Second
	// extraPatience is how long an answer waits for checks that decide nothing: a
	// broker that hangs must not make a service look as if it hung. Below the second
	// that Kubernetes waits by default.
	extraPatience = 500 * time.Millisecond
)

// The states of [Readiness].
const (
	// StatusReady: every check passed.
	StatusReady = "ready"
	// StatusDegraded: only checks that are not required failed; requests are
	// welcome.
	StatusDegraded = "degraded"
	// StatusUnready: a required check failed.
	StatusUnready = "unready"
	// StatusDraining: the server is stopping, or about to.
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
	// context ends, and is called by one goroutine at a time. Nobody waits long for
	// one that is not required: meanwhile it counts as failed.
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
	leaving <-chan struct{}

	mu      sync.Mutex
	checks  []*checking
	closed  bool
	probing sync.WaitGroup
}

// checking is a check with its run that is under way, if one is.
type checking struct {
	Check
	run *probeRun
}

// probeRun is one call of a probe, for all who ask meanwhile.
type probeRun struct {
	begun  time.Time
	done   chan struct{}
	result CheckResult // set when done is closed
}

func (h *health) add(check Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = append(h.checks, &checking{Check: check})
}

// close waits for the probes under way. No others are made after it.
func (h *health) close() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.probing.Wait()
}

// readiness runs all checks at once. Concurrent callers share one run of each, so
// a flood of probes does not become a flood of queries.
func (h *health) readiness() Readiness {
	checks, runs := h.probe()
	results := make([]CheckResult, len(runs))
	for i, run := range runs {
		if checks[i].Required {
			<-run.done
			results[i] = run.result
		}
	}
	enough := time.NewTimer(extraPatience)
	defer enough.Stop()
	late := make(chan struct{}) // closed once nobody is waited for any more
	for i, run := range runs {
		if checks[i].Required {
			continue
		}
		select {
		case <-run.done:
			results[i] = run.result
			continue
		case <-enough.C:
			close(late)
		case <-late:
		}
		results[i] = run.late(checks[i])
	}
	return Readiness{Status: h.status(results), Checks: results}
}

// late is the result of a run that goes on.
func (r *probeRun) late(check Check) CheckResult {
	select {
	case <-r.done:
		return r.result
	default:
		took := time.Since(r.begun)
		return CheckResult{Name: check.Name, Error: fmt.Sprintf("no answer yet after %s", took.Round(time.Millisecond)), Millis: millis(took)}
	}
}

// probe starts the checks that are not under way. Of a server that has ended all
// fail.
func (h *health) probe() ([]Check, []*probeRun) {
	h.mu.Lock()
	defer h.mu.Unlock()
	checks, runs := make([]Check, len(h.checks)), make([]*probeRun, len(h.checks))
	for i, c := range h.checks {
		checks[i] = c.Check
		if c.run == nil {
			c.run = &probeRun{begun: time.Now(), done: make(chan struct{})}
			h.start(c, c.run)
		}
		runs[i] = c.run
	}
	return checks, runs
}

// start runs a probe; mu is held.
func (h *health) start(c *checking, run *probeRun) {
	if h.closed {
		run.result = CheckResult{Name: c.Name, Required: c.Required, Error: "the server has ended"}
		close(run.done)
		return
	}
	h.probing.Go(func() {
		run.result = probe(c.Check)
		h.mu.Lock()
		c.run = nil
		h.mu.Unlock()
		close(run.done)
	})
}

func (h *health) status(results []CheckResult) string {
	select {
	case <-h.leaving:
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
		result.Millis = millis(time.Since(begun))
	}()
	if err := check.Probe(ctx); err != nil {
		result.Error = err.Error()
		return result
	}
	result.OK = true
	return result
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

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
