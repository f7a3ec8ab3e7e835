package httpserver

import (
	"errors"
	"fmt"
	"net"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/pkg/telemetry"
)

// MaxWait is the longest time that an operation may keep a request open, for
// example by ?wait=. It stays below the idle time-out of common load balancers.
const MaxWait = 60 * time.Second

// The defaults of [Config].
const (
	// DefaultMaxBodyBytes is far above any command of a person, and small
	// enough that DefaultMaxInFlight of them fit into memory.
	DefaultMaxBodyBytes = 1 << 20
	// DefaultMaxInFlight bounds memory and goroutines; a request that waits
	// holds a slot too.
	DefaultMaxInFlight = 1024
	// DefaultReadHeaderTimeout bounds a client that sends its headers slowly.
	DefaultReadHeaderTimeout = 5 * time.Second
	// DefaultBodyTimeout bounds a client that sends its body slowly.
	DefaultBodyTimeout = 10 * time.Second
	// DefaultWriteTimeout leaves 15 s for the answer after the longest wait.
	DefaultWriteTimeout = MaxWait + 15*time.Second
	// DefaultIdleTimeout is longer than a load balancer keeps a connection.
	DefaultIdleTimeout = 2 * time.Minute
	// DefaultDrainTimeout leaves ten of the thirty seconds that Kubernetes
	// grants to the stages that stop after HTTP.
	DefaultDrainTimeout = 20 * time.Second
)

// maxHeaderBytes bounds request headers; traces and tokens need a few KiB.
const maxHeaderBytes = 64 << 10

// Config is a server's settings. A field that is zero has its default.
type Config struct {
	// Title and Version of the API, in its OpenAPI document. Required.
	Title, Version string
	// Addr is the TCP address to listen on, such as ":8080"; port 0 takes a
	// free one. Not used when Listener is set.
	Addr string
	// Listener is an open listener to use in place of Addr. The server closes
	// it.
	Listener net.Listener
	// MaxBodyBytes is the largest request body; a larger one is answered
	// with 413.
	MaxBodyBytes int64
	// MaxInFlight is how many requests are worked on at once; the next one is
	// answered with 503 and Retry-After.
	MaxInFlight int
	// ReadHeaderTimeout, BodyTimeout and WriteTimeout bound the parts of a
	// request; WriteTimeout runs from the headers' end to the answer's, so it
	// must exceed the longest wait that an operation offers.
	ReadHeaderTimeout, BodyTimeout, WriteTimeout time.Duration
	// IdleTimeout is how long an unused connection is kept.
	IdleTimeout time.Duration
	// DrainDelay is how long the server goes on as before when Run's context was
	// cancelled, but for /readyz, which fails, and for connections, which are closed
	// after their next answer: time for whoever sends requests to notice.
	DrainDelay time.Duration
	// DrainTimeout is how long requests at work may take after that.
	DrainTimeout time.Duration
}

// Deps are a server's collaborators. Nil ones are silent.
type Deps struct {
	// Logger gets panics and internal errors.
	Logger *zap.Logger
	// Metrics is served at /metrics and counts requests. Servers that share it
	// are counted together.
	Metrics *telemetry.Metrics
	// Tracer makes a server span per request.
	Tracer trace.Tracer
}

func (c Config) withDefaults() Config {
	setDefault(&c.MaxBodyBytes, DefaultMaxBodyBytes)
	setDefault(&c.MaxInFlight, DefaultMaxInFlight)
	setDefault(&c.ReadHeaderTimeout, DefaultReadHeaderTimeout)
	setDefault(&c.BodyTimeout, DefaultBodyTimeout)
	setDefault(&c.WriteTimeout, DefaultWriteTimeout)
	setDefault(&c.IdleTimeout, DefaultIdleTimeout)
	setDefault(&c.DrainTimeout, DefaultDrainTimeout)
	return c
}

func setDefault[T int | int64 | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// validate reports all faults at once.
func (c Config) validate() error {
	var faults []error
	if c.Title == "" || c.Version == "" {
		faults = append(faults, errors.New("http: title and version are required"))
	}
	if c.Addr == "" && c.Listener == nil {
		faults = append(faults, errors.New("http: an address or a listener is required"))
	}
	if c.MaxBodyBytes < 0 {
		faults = append(faults, fmt.Errorf("http: max body bytes %d: want a positive number", c.MaxBodyBytes))
	}
	if c.MaxInFlight < 0 {
		faults = append(faults, fmt.Errorf("http: max in flight %d: want a positive number", c.MaxInFlight))
	}
	for _, timeout := range []struct {
		name  string
		value time.Duration
	}{
		{"read header", c.ReadHeaderTimeout}, {"body", c.BodyTimeout}, {"write", c.WriteTimeout},
		{"idle", c.IdleTimeout}, {"drain", c.DrainTimeout}, {"drain delay", c.DrainDelay},
	} {
		if timeout.value < 0 {
			faults = append(faults, fmt.Errorf("http: %s timeout %s: want a positive duration", timeout.name, timeout.value))
		}
	}
	return errors.Join(faults...)
}
