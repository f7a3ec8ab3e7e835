package outbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/telemetry"
)

// Store is what the relay needs of the service's database.
type Store interface {
	eventstore.Outbox
	eventstore.Leases
}

// SafeMarker is implemented by stores that know up to which sequence everything
// is visible. Without it every scan starts at the beginning, which is cheap as
// long as deleted rows leave no trace.
type SafeMarker interface {
	// SafeMark returns a sequence such that a scan which starts after the call
	// sees every row at or below it that will ever become visible.
	SafeMark(ctx context.Context) (int64, error)
}

// SpanPublisher is implemented by stores that find rows sooner when they are told
// where the rows stand.
type SpanPublisher interface {
	// PublishedSpan is Published for rows that were read with sequences from first
	// to last.
	PublishedSpan(ctx context.Context, relay string, rows []eventstore.RowID, first, last int64, state eventstore.RelayState) error
}

// Deps are what a relay works with.
type Deps struct {
	// Store is the service's database. If it is a SafeMarker or a SpanPublisher,
	// that is used.
	Store Store
	// Log is Kafka. It serves this relay alone.
	Log Log
	// EncodePosition and DecodePosition give position records their form, which
	// stays with the caller. Decoding may look up a schema.
	EncodePosition func(Position) ([]byte, error)
	DecodePosition func(context.Context, []byte) (Position, error)
	// Event says in a word what a record tells, for the metrics: one of few words.
	// It may be nil.
	Event func(eventstore.Record) string
	// Logger may be nil.
	Logger *zap.Logger
	// Metrics may be nil. A relay's metrics are registered once per relay name.
	Metrics prometheus.Registerer
}

// Relay publishes the outbox of one database. See the package documentation.
type Relay struct {
	cfg     Config
	deps    Deps
	owner   string
	log     *zap.Logger
	trouble *telemetry.Throttle
	metrics *metrics
	gate    *gate
	running atomic.Bool

	mu     sync.Mutex
	status Status
}

// New checks the settings and returns a relay that does nothing before Run.
func New(cfg Config, deps Deps) (*Relay, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("relay %s: %w", cfg.Relay, err)
	}
	if deps.Store == nil || deps.Log == nil || deps.EncodePosition == nil || deps.DecodePosition == nil {
		return nil, fmt.Errorf("relay %s: Store, Log, EncodePosition and DecodePosition are required", cfg.Relay)
	}
	if deps.Logger == nil {
		deps.Logger = zap.NewNop()
	}
	metrics, err := newMetrics(deps.Metrics, cfg.Relay)
	if err != nil {
		return nil, fmt.Errorf("relay %s: register metrics: %w", cfg.Relay, err)
	}
	log := deps.Logger.With(zap.String("relay", cfg.Relay))
	return &Relay{
		cfg: cfg.withDefaults(), deps: deps, log: log, metrics: metrics, gate: newGate(),
		// A process that is started again under the same name must not take its
		// predecessor, which may still be running, for itself.
		owner:   cfg.Owner + "/" + rand.Text()[:8],
		trouble: telemetry.NewThrottle(log, complainEvery),
	}, nil
}

// Run publishes until ctx is cancelled: as a hot standby until the lease is
// free, then as the leader. It returns nil when ctx was cancelled and the batch
// in flight, if any, was brought to an end or given up after DrainTimeout; and
// an error that matches ErrInconsistent when a person has to decide. Everything
// else is retried. Only one Run or Adopt of a Relay at a time.
func (r *Relay) Run(ctx context.Context) error {
	if !r.running.CompareAndSwap(false, true) {
		return fmt.Errorf("relay %s: is running already", r.cfg.Relay)
	}
	defer r.running.Store(false)

	measured, stopMeasuring := context.WithCancel(ctx)
	var measuring sync.WaitGroup
	measuring.Go(func() { r.measure(measured) })
	defer measuring.Wait()
	defer stopMeasuring()

	for {
		held, ok := r.standby(ctx)
		if !ok {
			return nil
		}
		err := r.lead(ctx, held, (*session).run)
		switch {
		case errors.Is(err, ErrInconsistent):
			r.failed(err)
			return err
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errStepDown):
			sleep(ctx, r.cfg.LeaseTTL) // the others first
		}
	}
}

// sessionFunc is what a session does; see session.run.
type sessionFunc func(s *session, ctx context.Context, stop <-chan struct{}) error

// lead works under a lease until it is lost, ctx is cancelled and the batch in
// flight has ended, or the work fails for good.
func (r *Relay) lead(ctx context.Context, held *lease, work sessionFunc) error {
	r.log.Info("leading", zap.String("owner", r.owner))
	r.setLeader(true)
	defer r.setLeader(false)

	// A stop lets the batch in flight come to its end; losing the lease does not.
	leading, end := context.WithCancelCause(context.WithoutCancel(ctx))
	var keepers sync.WaitGroup
	keepers.Go(func() { held.keep(leading, r.cfg.RenewEvery, end) })
	keepers.Go(func() { boundDrain(ctx, leading, r.cfg.DrainTimeout, end) })
	err := r.term(leading, ctx.Done(), held, work)
	end(nil)
	keepers.Wait()

	if errors.Is(err, errLeaseLost) || errors.Is(err, errDrainTime) {
		r.log.Warn("no longer leading", zap.Error(err))
		return err
	}
	// Nothing of this relay is under way any more: the next need not wait.
	if failed := held.release(ctx); failed != nil {
		r.log.Info("lease stays until it runs out", zap.NamedError("cause", failed))
	}
	r.log.Info("no longer leading", zap.Error(err))
	return err
}

func boundDrain(ctx, leading context.Context, limit time.Duration, end context.CancelCauseFunc) {
	select {
	case <-leading.Done():
		return
	case <-ctx.Done():
	}
	sleep(leading, limit)
	end(errDrainTime)
}

// term runs sessions under one lease: after a failure that leaves anything in
// doubt, a new one finds out what is true.
func (r *Relay) term(ctx context.Context, stop <-chan struct{}, held *lease, work sessionFunc) error {
	pause := newBackOff()
	reached := time.Now()
	for {
		s := &session{Relay: r, lease: held}
		err := work(s, ctx, stop)
		switch {
		case err == nil, errors.Is(err, ErrInconsistent), errors.Is(err, errLeaseLost):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		r.failed(err)
		if s.recovered {
			reached = time.Now()
		}
		if s.committed > 0 {
			pause.Reset()
		}
		if time.Since(reached) >= r.cfg.StepDownAfter {
			return errStepDown
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-stop:
			return nil
		case <-time.After(pause.NextBackOff()):
		}
		r.metrics.reinits.Inc()
	}
}

// retry repeats an operation on the database until it succeeds or ctx ends.
func retry[T any](ctx context.Context, r *Relay, what string, op func() (T, error)) (T, error) {
	result, err := backoff.Retry(ctx, op,
		backoff.WithBackOff(newBackOff()),
		backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, _ time.Duration) { r.failed(fmt.Errorf("%s: %w", what, err)) }))
	if err != nil {
		return result, fmt.Errorf("%s: %w", what, err)
	}
	return result, nil
}

// newBackOff has no jitter: there is one leader, so there is nobody to stay
// clear of.
func newBackOff() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{InitialInterval: retryMin, Multiplier: 2, MaxInterval: retryMax}
}

// sleep returns early when ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
