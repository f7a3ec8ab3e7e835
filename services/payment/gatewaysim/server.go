package gatewaysim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	defaultKeyTTL    = 24 * time.Hour // as Stripe's
	defaultLateDelay = 3 * time.Second
	defaultHangTime  = 30 * time.Second
	// shutdownGrace lets answers under way be sent before connections are cut.
	shutdownGrace     = 10 * time.Second
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
)

// Config is what a gateway is made from. Only DataDir is required.
type Config struct {
	// DataDir holds the ledger. It is created if absent and belongs to one
	// running gateway at a time.
	DataDir string
	// Listen is the TCP address to serve on, such as "127.0.0.1:0". Empty means
	// that the caller serves Handler itself.
	Listen string
	// APIKey is the only key accepted. Empty accepts any.
	APIKey string
	// KeyTTL is how long an Idempotency-Key is remembered; 24 hours if zero.
	KeyTTL time.Duration
	// LateDelay is how late a late request arrives; 3 seconds if zero.
	LateDelay time.Duration
	// HangTime is how long a connection without an answer is kept open at most;
	// 30 seconds if zero.
	HangTime time.Duration
	// Logger gets what an operator should know; nothing is logged if nil.
	Logger *zap.Logger
	// Now is the clock for keys and timestamps; time.Now if nil.
	Now func() time.Time
}

// Server is a running gateway. Its methods are safe for concurrent use.
type Server struct {
	cfg      Config
	log      *zap.Logger
	ledger   *ledger
	faults   faultSwitch
	handler  http.Handler
	listener net.Listener
	http     *http.Server

	stopping  chan struct{} // closed first: cuts short what waits on purpose
	stopOnce  sync.Once
	closeOnce sync.Once
	closeErr  error
}

// New opens the ledger and, if Config.Listen is set, the listener, so that the
// address is known before [Server.Run]. It returns [ErrVersion] for a ledger that
// this version cannot read. The caller ends it with Close, or with Run.
func New(cfg Config) (*Server, error) {
	if cfg.DataDir == "" {
		return nil, errors.New("gatewaysim: DataDir is empty")
	}
	if cfg.KeyTTL < 0 || cfg.LateDelay < 0 || cfg.HangTime < 0 {
		return nil, errors.New("gatewaysim: a duration is negative")
	}
	defaultTo(&cfg.KeyTTL, defaultKeyTTL)
	defaultTo(&cfg.LateDelay, defaultLateDelay)
	defaultTo(&cfg.HangTime, defaultHangTime)
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Server{cfg: cfg, log: cfg.Logger, stopping: make(chan struct{})}
	s.handler = s.routes()
	s.http = &http.Server{
		Handler: s.handler, ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout,
		ErrorLog: zap.NewStdLog(cfg.Logger),
	}
	var err error
	if s.ledger, err = openLedger(cfg.DataDir, cfg.KeyTTL, cfg.Now); err != nil {
		return nil, fmt.Errorf("gatewaysim: %w", err)
	}
	if cfg.Listen != "" {
		if s.listener, err = net.Listen("tcp", cfg.Listen); err != nil {
			return nil, errors.Join(fmt.Errorf("gatewaysim: %w", err), s.ledger.close())
		}
	}
	return s, nil
}

func defaultTo(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

// URL returns the base URL of the API, or "" without Config.Listen.
func (s *Server) URL() string {
	if s.listener == nil {
		return ""
	}
	return "http://" + s.listener.Addr().String()
}

// Run serves until ctx is cancelled, sends the answers under way, and closes the
// gateway. It returns nil after a cancel; without Config.Listen it only waits.
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1)
	if s.listener != nil {
		s.log.Info("card gateway simulator listening", zap.String("url", s.URL()), zap.String("data", s.cfg.DataDir))
		go func() { served <- s.http.Serve(s.listener) }()
	}
	var err error
	select {
	case err = <-served:
		served <- err
	case <-ctx.Done():
	case <-s.stopping:
	}
	s.stopWaiting()
	if s.listener != nil {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
		defer cancel()
		if cut := s.http.Shutdown(grace); cut != nil {
			s.log.Warn("connections cut at shutdown", zap.Error(cut))
		}
		err = <-served
	}
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, s.Close())
}

// Close ends the gateway at once: connections are cut, and requests whose commit
// has not begun are not carried out. Everything acknowledged is on disk. It may be
// called repeatedly, and after Run.
func (s *Server) Close() error {
	s.closeOnce.Do(func() {
		s.stopWaiting()
		if s.listener != nil {
			s.closeErr = s.http.Close()
			// A listener that was never served is not known to http.
			if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				s.closeErr = errors.Join(s.closeErr, err)
			}
		}
		s.closeErr = errors.Join(s.closeErr, s.ledger.close())
	})
	return s.closeErr
}

func (s *Server) stopWaiting() { s.stopOnce.Do(func() { close(s.stopping) }) }
