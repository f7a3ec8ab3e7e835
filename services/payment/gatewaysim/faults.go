package gatewaysim

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// maxLatency keeps a typing error from making a gateway that nobody can reach.
const maxLatency = time.Minute

// Faults are what is wrong with the gateway as a whole. They are not stored: a
// restarted gateway is well. The zero value is a gateway without faults.
type Faults struct {
	// Down closes every connection without an answer, before anything is done.
	Down bool `json:"down"`
	// LatencyMS delays every request, in milliseconds, at most one minute.
	LatencyMS int64 `json:"latency_ms"`
	// ErrorRate is the share of requests, 0 to 1, answered with 500. Half of these
	// are carried out all the same: the answer of a 500 tells nothing.
	ErrorRate float64 `json:"error_rate"`
	// Seed makes the sequence of the random errors repeat, counted in requests
	// from the moment that the faults are set.
	Seed uint64 `json:"seed"`
}

func (f Faults) validate() error {
	if f.LatencyMS < 0 || f.LatencyMS > maxLatency.Milliseconds() {
		return fmt.Errorf("latency_ms %d is not within 0 and %d", f.LatencyMS, maxLatency.Milliseconds())
	}
	if !(f.ErrorRate >= 0 && f.ErrorRate <= 1) {
		return fmt.Errorf("error_rate %v is not within 0 and 1", f.ErrorRate)
	}
	return nil
}

// faultSwitch holds the faults in force and draws the random ones.
type faultSwitch struct {
	mu     sync.Mutex
	faults Faults
	random *rand.Rand
}

func (f *faultSwitch) set(faults Faults) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = faults
	f.random = rand.New(rand.NewPCG(faults.Seed, faults.Seed))
}

func (f *faultSwitch) get() Faults {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.faults
}

// draw returns the faults in force, and whether this request fails and is carried
// out nevertheless.
func (f *faultSwitch) draw() (faults Faults, fails, carriedOut bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.faults.ErrorRate > 0 {
		fails = f.random.Float64() < f.faults.ErrorRate
		carriedOut = f.random.Float64() < 0.5
	}
	return f.faults, fails, carriedOut
}

func (f *faultSwitch) guard(stopping <-chan struct{}, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		faults, fails, carriedOut := f.draw()
		if faults.Down {
			panic(http.ErrAbortHandler)
		}
		if faults.LatencyMS > 0 {
			timer := time.NewTimer(time.Duration(faults.LatencyMS) * time.Millisecond)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-stopping:
				panic(http.ErrAbortHandler)
			}
		}
		if !fails {
			next.ServeHTTP(w, r)
			return
		}
		if carriedOut {
			next.ServeHTTP(discard{header: http.Header{}}, r)
		}
		answer, err := internalError().reply()
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(answer.status)
		_, _ = w.Write(answer.body) // the caller may be gone, and was to get an error anyway
	})
}

// discard takes an answer that is never sent.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}
