package main

import (
	"encoding/json"
	"net"
	"net/http"
	"sync"
)

// control is how a test steers the customers.
type control struct {
	server  *http.Server
	serving sync.WaitGroup
	tally   *tally
	leave   chan struct{}
	once    sync.Once

	mu      sync.Mutex
	ready   bool
	verdict *Verdict
}

func newControl(address string, t *tally) (*control, error) {
	c := &control{tally: t, leave: make(chan struct{})}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	c.server = &http.Server{Handler: c.routes(), ReadHeaderTimeout: attempt}
	c.serving.Go(func() { _ = c.server.Serve(listener) }) // until close
	return c, nil
}

func (c *control) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.ready {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("POST /phases/{name}", func(_ http.ResponseWriter, r *http.Request) { c.tally.begin(r.PathValue("name")) })
	mux.HandleFunc("GET /phases", func(w http.ResponseWriter, _ *http.Request) { answer(w, c.tally.all()) })
	mux.HandleFunc("POST /leave", func(http.ResponseWriter, *http.Request) { c.once.Do(func() { close(c.leave) }) })
	mux.HandleFunc("GET /verdict", func(w http.ResponseWriter, _ *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.verdict == nil {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		answer(w, c.verdict)
	})
	return mux
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // whoever asked may be gone
}

func (c *control) isReady() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ready = true
}

func (c *control) give(v Verdict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.verdict = &v
}

func (c *control) close() {
	_ = c.server.Close() // nobody waits for an answer any more
	c.serving.Wait()
}
