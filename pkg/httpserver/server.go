package httpserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/pkg/telemetry"
)

// Server serves one API. Its methods are safe for concurrent use.
type Server struct {
	cfg      Config
	listener net.Listener
	server   *http.Server
	mux      *http.ServeMux
	api      huma.API
	health   *health
	leaving  <-chan struct{} // closed when readiness fails
	leave    func()          // closes leaving
	drain    func()          // closes the channel that Draining returns
	cut      context.CancelFunc
	after    func(time.Duration) <-chan time.Time // time.After, but in a test
}

// New returns a server that listens already, so that its address is known and
// taken; connections wait until [Server.Run]. Register operations and checks
// before that. A server that is never run must be closed.
//
// New fails for wrong settings, reporting all of them, and when it cannot
// listen.
func New(cfg Config, deps Deps) (*Server, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	deps = deps.withDefaults()
	listener := cfg.Listener
	if listener == nil {
		var err error
		if listener, err = net.Listen("tcp", cfg.Addr); err != nil {
			return nil, fmt.Errorf("listen on %s: %w", cfg.Addr, err)
		}
	}

	leaving, draining := make(chan struct{}), make(chan struct{})
	mux := http.NewServeMux()
	s := &Server{
		cfg:      cfg,
		listener: listener,
		mux:      mux,
		api:      newAPI(cfg, mux, deps.Logger),
		health:   &health{leaving: leaving},
		leaving:  leaving,
		leave:    sync.OnceFunc(func() { close(leaving) }),
		after:    time.After,
		drain:    sync.OnceFunc(func() { close(draining) }),
	}
	mux.HandleFunc(catchAll, refuseUnknown(mux))

	base, cut := context.WithCancel(context.WithValue(context.Background(), drainingKey{}, (<-chan struct{})(draining)))
	s.cut = cut
	s.server = &http.Server{
		Handler:           s.operations(deps.Metrics, newPipeline(cfg, deps, mux)),
		ReadHeaderTimeout: cfg.ReadHeaderTimeout,
		WriteTimeout:      cfg.WriteTimeout,
		IdleTimeout:       cfg.IdleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          zap.NewStdLog(deps.Logger),
		BaseContext:       func(net.Listener) context.Context { return base },
	}
	return s, nil
}

func (d Deps) withDefaults() Deps {
	if d.Logger == nil {
		d.Logger = zap.NewNop()
	}
	if d.Metrics == nil {
		d.Metrics = telemetry.NewMetrics()
	}
	if d.Tracer == nil {
		d.Tracer = noop.NewTracerProvider().Tracer("")
	}
	return d
}

// operations serves what the people and machines that run the service need,
// around the pipeline: these must answer when it is full.
func (s *Server) operations(metrics *telemetry.Metrics, api http.Handler) http.Handler {
	scrape, document := metrics.Handler(), serveOpenAPI(s.api)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-s.leaving: // an idle connection that is closed may have a request on its way
			w.Header().Set("Connection", "close")
		default:
		}
		switch r.URL.Path {
		case "/livez":
			serveLive(w, r)
		case "/readyz":
			s.health.serveReady(w, r)
		case "/metrics":
			scrape.ServeHTTP(w, r)
		case "/openapi.json":
			document(w, r)
		default:
			api.ServeHTTP(w, r)
		}
	})
}

// API is where operations are registered, before [Server.Run].
func (s *Server) API() huma.API { return s.api }

// Handle serves requests that match pattern (as [http.ServeMux] has it) beside
// the described API: inspections and streams for operators. They go through the
// same limits and metrics. Unlike operations they may be added while the server
// runs. It panics if the pattern conflicts with another.
func (s *Server) Handle(pattern string, handler http.HandlerFunc) {
	s.mux.HandleFunc(pattern, handler)
}

// Addr is the address that the server listens on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// URL is the server's address as a client on this machine writes it.
func (s *Server) URL() string {
	host, port, err := net.SplitHostPort(s.listener.Addr().String())
	if err != nil {
		return "http://" + s.listener.Addr().String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// Handler serves what the server serves, for tests that need no connection.
func (s *Server) Handler() http.Handler { return s.server.Handler }

// AddCheck adds a readiness check.
func (s *Server) AddCheck(check Check) { s.health.add(check) }

// Readiness runs the readiness checks, as /readyz does.
func (s *Server) Readiness() Readiness { return s.health.readiness() }

// Close frees the address of a server that is not run.
func (s *Server) Close() error {
	defer s.health.close()
	s.cut()
	return errors.Join(ignoreClosed(s.server.Close()), ignoreClosed(s.listener.Close()))
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Leave makes /readyz fail and lets all else go on. Run does it by itself; call it
// on a server that tells about another. It may be called more than once.
func (s *Server) Leave() { s.leave() }

// Run serves until ctx is cancelled, then leaves, and after the drain delay drains:
// it stops listening, tells waiting handlers through [Draining], and lets the
// requests at work finish. Nil means that all did. After the drain time-out the rest
// is cut off, and Run returns an error once their handlers were told through their
// contexts. Run may be called once.
func (s *Server) Run(ctx context.Context) error {
	defer s.health.close()
	defer s.cut()
	served := make(chan error, 1)
	go func() { served <- s.server.Serve(s.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve %s: %w", s.Addr(), err)
	case <-ctx.Done():
	}
	s.leave()
	if s.cfg.DrainDelay > 0 {
		select {
		case err := <-served:
			return fmt.Errorf("serve %s: %w", s.Addr(), err)
		case <-s.after(s.cfg.DrainDelay):
		}
	}
	s.drain()
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.DrainTimeout)
	defer cancel()
	err := s.server.Shutdown(patience)
	if serveErr := <-served; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(serveErr, err)
	}
	if err != nil {
		s.cut()
		_ = s.server.Close() // what it could not close is gone already
		return fmt.Errorf("drain %s: requests cut off after %s: %w", s.Addr(), s.cfg.DrainTimeout, err)
	}
	return nil
}

type drainingKey struct{}

// Draining returns a channel that is closed when the server of this request
// begins to stop. A handler that waits for something answers then with what
// it has, so that a long poll does not hold up a rollout.
func Draining(ctx context.Context) <-chan struct{} {
	draining, _ := ctx.Value(drainingKey{}).(<-chan struct{})
	return draining
}
