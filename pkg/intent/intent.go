package intent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// Executor does what an intent asks for and commits the outcome in a unit that
// names the intent's key in FinishIntents. An error means that it must be tried
// again, unless it is marked Permanent, which parks it. The context ends when
// the lease does.
type Executor func(ctx context.Context, in eventstore.Intent) error

// Kind is how one kind of intents is executed.
type Kind struct {
	Execute Executor
	// AfterInbox makes due intents wait for Deps.CaughtUp: for deadlines.
	AfterInbox bool
}

// Config are the settings of a runner. Zero values take the defaults.
type Config struct {
	// Owner identifies this process; unique among replicas.
	Owner string
	// Concurrency bounds the executions under way, of deadlines and of all other
	// kinds each. Default 128: they mostly wait, for another service or for a
	// commit that they share.
	Concurrency int
	// Lease is how long a claim lasts, and so the longest execution. Default 30 s.
	Lease time.Duration
	// RetryInitial and RetryMax bound the exponential backoff, to which jitter
	// of a half is applied. Defaults 200 ms and 1 min.
	RetryInitial, RetryMax time.Duration
	// GiveUpAfter is the number of attempts after which an intent is parked.
	// Default 130: with the default backoff about an hour and a half.
	GiveUpAfter int
	// Poll is the backstop for wake-ups that were missed. Default 250 ms.
	Poll time.Duration
}

const (
	defaultConcurrency  = 128
	defaultLease        = 30 * time.Second
	defaultRetryInitial = 200 * time.Millisecond
	defaultRetryMax     = time.Minute
	defaultGiveUpAfter  = 130
	defaultPoll         = 250 * time.Millisecond
)

// Deps are a runner's collaborators.
type Deps struct {
	Store eventstore.Intents
	// Kinds are the executors by intent kind; only these kinds are claimed.
	Kinds map[string]Kind
	// CaughtUp waits until the inbox has handled all that was committed up to
	// some moment after since. Required if a kind is AfterInbox.
	CaughtUp func(ctx context.Context, since time.Time) error
	Logger   *zap.Logger
	// Metrics may be nil.
	Metrics prometheus.Registerer
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Runner claims and executes intents. Make it with New.
type Runner struct {
	cfg      Config
	deps     Deps
	prompt   []string // kinds executed as soon as they are due
	deadline []string // kinds that wait for the inbox
	metrics  *metrics
}

// New checks the settings and returns a runner that is ready to Run.
func New(cfg Config, deps Deps) (*Runner, error) {
	var faults []error
	if cfg.Owner == "" {
		faults = append(faults, errors.New("owner is empty: identify this process"))
	}
	if deps.Store == nil || len(deps.Kinds) == 0 {
		faults = append(faults, errors.New("store and at least one kind are required"))
	}
	if cfg.Concurrency < 0 || cfg.GiveUpAfter < 0 {
		faults = append(faults, fmt.Errorf("concurrency is %d and give up after is %d: use positive numbers", cfg.Concurrency, cfg.GiveUpAfter))
	}
	if min(cfg.Lease, cfg.RetryInitial, cfg.RetryMax, cfg.Poll) < 0 {
		faults = append(faults, fmt.Errorf("lease %v, retry %v to %v, poll %v: use positive durations", cfg.Lease, cfg.RetryInitial, cfg.RetryMax, cfg.Poll))
	}
	r := &Runner{}
	for _, name := range slices.Sorted(maps.Keys(deps.Kinds)) {
		kind := deps.Kinds[name]
		switch {
		case kind.Execute == nil:
			faults = append(faults, fmt.Errorf("kind %q has no executor", name))
		case kind.AfterInbox && deps.CaughtUp == nil:
			faults = append(faults, fmt.Errorf("kind %q waits for the inbox, but CaughtUp is missing", name))
		case kind.AfterInbox:
			r.deadline = append(r.deadline, name)
		default:
			r.prompt = append(r.prompt, name)
		}
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("intent: %w", errors.Join(faults...))
	}
	cfg.Concurrency = cmp.Or(cfg.Concurrency, defaultConcurrency)
	cfg.Lease = cmp.Or(cfg.Lease, defaultLease)
	cfg.RetryInitial = cmp.Or(cfg.RetryInitial, defaultRetryInitial)
	cfg.RetryMax = cmp.Or(cfg.RetryMax, defaultRetryMax)
	cfg.GiveUpAfter = cmp.Or(cfg.GiveUpAfter, defaultGiveUpAfter)
	cfg.Poll = cmp.Or(cfg.Poll, defaultPoll)
	if deps.Logger == nil {
		deps.Logger = zap.NewNop()
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	r.cfg, r.deps, r.metrics = cfg, deps, newMetrics(deps.Metrics)
	return r, nil
}

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// Permanent marks an error of an executor as one that no further attempt can
// mend: the intent is parked for an operator.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}
