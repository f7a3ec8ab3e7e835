package intent

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/jitter"
)

const (
	// settleTimeout bounds the writing of an outcome. It must fit into the time
	// that a process is given to stop.
	settleTimeout = 2 * time.Second
	// maxCause bounds the error that is kept with an intent.
	maxCause = 4 << 10
	// lostPause is how soon a runner looks again after another one took what was
	// due: a commit takes about that long. It doubles for as often as given, which
	// is the poll by default, since commits take longer when databases are busy,
	// and looking all the time would keep them so.
	lostPause     = time.Millisecond
	lostDoublings = 8
)

// Run executes intents until ctx ends, waits for the executions under way (their
// contexts end too), gives back those that did not come to an end, and returns
// nil. Failures of the database are retried.
func (r *Runner) Run(ctx context.Context) error {
	var all sync.WaitGroup
	wakePrompt, wakeDeadline := make(chan struct{}, 1), make(chan struct{}, 1)
	all.Go(func() { r.spread(ctx, wakePrompt, wakeDeadline) })
	if len(r.prompt) > 0 {
		all.Go(func() { r.serve(ctx, r.prompt, false, wakePrompt) })
	}
	if len(r.deadline) > 0 {
		all.Go(func() { r.serve(ctx, r.deadline, true, wakeDeadline) })
	}
	all.Wait()
	return nil
}

// spread gives one signal of the store to both loops.
func (r *Runner) spread(ctx context.Context, to ...chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.deps.Store.IntentsChanged():
		}
		for _, c := range to {
			select {
			case c <- struct{}{}:
			default:
			}
		}
	}
}

// serve claims what is due and executes it, until ctx ends.
func (r *Runner) serve(ctx context.Context, kinds []string, afterInbox bool, wake <-chan struct{}) {
	// Deadlines have slots of their own: while the broker is away they wait for
	// the inbox, and must not hold up effects that can go on.
	q := &queue{kinds: kinds, afterInbox: afterInbox, slots: make(chan struct{}, r.cfg.Concurrency), freed: make(chan struct{}, 1)}
	defer q.running.Wait()
	failing := false
	for ctx.Err() == nil {
		n, next, err := r.claim(ctx, q)
		if err != nil && ctx.Err() == nil && !failing {
			r.deps.Logger.Warn("intents cannot be claimed; going on trying", zap.Strings("kinds", kinds), zap.Error(err))
		}
		if err == nil && failing {
			r.deps.Logger.Info("intents can be claimed again", zap.Strings("kinds", kinds))
		}
		failing = err != nil
		if n > 0 {
			continue // there may be more
		}
		r.idle(ctx, q, next, wake)
	}
}

// queue is the work of one loop.
type queue struct {
	kinds      []string
	afterInbox bool
	slots      chan struct{} // full while no more may be claimed
	freed      chan struct{} // a slot is free again
	lost       int           // looks in a row that found everything taken by others
	running    sync.WaitGroup
}

func (q *queue) free() int { return cap(q.slots) - len(q.slots) }

func (q *queue) start(execute func()) {
	q.slots <- struct{}{}
	q.running.Go(func() {
		defer func() {
			<-q.slots
			select {
			case q.freed <- struct{}{}:
			default:
			}
		}()
		execute()
	})
}

// idle waits for a signal, a free slot, the next due time, if it is known, or the
// poll.
func (r *Runner) idle(ctx context.Context, q *queue, next time.Time, wake <-chan struct{}) {
	wait := r.cfg.Poll
	if !next.IsZero() {
		wait = min(wait, max(time.Millisecond, next.Sub(r.deps.Now())))
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-wake:
	case <-q.freed:
	case <-t.C:
	}
	// One look answers every signal that is there: which of them was the first to
	// be heard decides nothing.
	forget(wake)
	forget(q.freed)
}

func forget(signal <-chan struct{}) {
	select {
	case <-signal:
	default:
	}
}

// claim takes as many intents as there are free slots and starts them. If it takes
// none, next is when there will be some; zero if that is not known.
func (r *Runner) claim(ctx context.Context, q *queue) (n int, next time.Time, err error) {
	free := q.free()
	if free == 0 {
		return 0, next, nil // what is due waits for a slot, not for its time
	}
	dueBy := r.deps.Now()
	due, ok, err := r.deps.Store.NextDue(ctx, q.kinds)
	if err != nil {
		return 0, next, err
	}
	if ok {
		next = time.UnixMicro(due)
	}
	if !ok || due > dueBy.UnixMicro() { // nothing to claim: no write
		q.lost = 0
		return 0, next, nil
	}
	if q.afterInbox {
		if err := r.deps.CaughtUp(ctx, dueBy); err != nil {
			return 0, time.Time{}, err
		}
	}
	// The wait for the inbox can take longer than a lease: count the lease from
	// now, or the intents would be claimed again while they are executed.
	leased := r.deps.Now()
	claimed, err := r.deps.Store.ClaimIntents(ctx, r.cfg.Owner, q.kinds, dueBy.UnixMicro(), r.cfg.Lease+leased.Sub(dueBy), free)
	if err != nil {
		return 0, time.Time{}, err
	}
	if len(claimed) == 0 {
		pause := lostPause << min(q.lost, lostDoublings)
		q.lost++
		return 0, r.deps.Now().Add(pause), nil
	}
	q.lost = 0
	for _, in := range claimed {
		q.start(func() { r.execute(ctx, in, r.cfg.Lease-r.deps.Now().Sub(leased)) })
	}
	return len(claimed), time.Time{}, nil
}

// execute runs one intent for as long as its lease lasts and decides what becomes
// of it.
func (r *Runner) execute(ctx context.Context, in eventstore.Intent, lease time.Duration) {
	r.metrics.running.Inc()
	defer r.metrics.running.Dec()
	start := r.deps.Now()
	bounded, cancel := context.WithTimeout(ctx, lease)
	err := r.run(bounded, in)
	cancel()
	r.metrics.seconds.WithLabelValues(in.Kind).Observe(r.deps.Now().Sub(start).Seconds())
	log := r.deps.Logger.With(zap.String("intent", in.Key), zap.Int("attempt", in.Attempts), zap.Error(err))
	var permanent *permanentError
	switch {
	case err == nil:
		r.metrics.outcomes.WithLabelValues(in.Kind, "finished").Inc()
	case errors.As(err, &permanent), ctx.Err() == nil && in.Attempts >= r.cfg.GiveUpAfter:
		r.metrics.outcomes.WithLabelValues(in.Kind, "parked").Inc()
		log.Error("intent parked: an operator must look at it; see `murmur parked`")
		r.settle(ctx, log, func(ctx context.Context) error {
			return r.deps.Store.ParkIntent(ctx, r.cfg.Owner, in.Key, clip(err.Error()))
		})
	default:
		r.metrics.outcomes.WithLabelValues(in.Kind, "retried").Inc()
		wait := r.wait(ctx, in, err)
		if in.Attempts == 1 {
			log.Info("intent will be tried again", zap.Duration("in", wait))
		}
		due := r.deps.Now().Add(wait).UnixMicro()
		r.settle(ctx, log, func(ctx context.Context) error {
			return r.deps.Store.RetryIntent(ctx, r.cfg.Owner, in.Key, due, clip(err.Error()))
		})
	}
}

// wait is how long an intent rests after an error.
func (r *Runner) wait(ctx context.Context, in eventstore.Intent, err error) time.Duration {
	switch {
	case ctx.Err() != nil:
		return 0 // this process stops: another one need not wait
	case errors.Is(err, eventstore.ErrConflict):
		return r.cfg.RetryInitial / 10 // somebody else moved the stream; nothing is wrong
	}
	return r.backoff(ctx, in.Attempts)
}

// settle gives an intent back, also while the process is stopping: its lease
// would otherwise keep it from the other replicas.
func (r *Runner) settle(ctx context.Context, log *zap.Logger, back func(context.Context) error) {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	if err := back(bounded); err != nil {
		log.Warn("intent could not be given back; it will be tried again when its lease ends", zap.NamedError("store", err))
	}
}

// clip bounds what is kept of an error: a gateway may answer with a whole page.
func clip(cause string) string {
	if len(cause) <= maxCause {
		return cause
	}
	return strings.ToValidUTF8(cause[:maxCause], "") + "…"
}

// run calls the executor and turns a panic into an error.
func (r *Runner) run(ctx context.Context, in eventstore.Intent) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("execute %s: panic: %v\n%s", in.Key, p, debug.Stack())
		}
	}()
	return r.deps.Kinds[in.Kind].Execute(ctx, in)
}

// backoff is the wait after the given number of attempts: exponential, with the
// upper half left to chance, so that many intents do not come back together.
func (r *Runner) backoff(ctx context.Context, attempts int) time.Duration {
	wait := r.cfg.RetryInitial
	for range attempts - 1 {
		if wait *= 2; wait >= r.cfg.RetryMax {
			wait = r.cfg.RetryMax
			break
		}
	}
	return wait/2 + jitter.Below(ctx, wait/2+1)
}

type metrics struct {
	running  prometheus.Gauge
	outcomes *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		running:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "murmuration_intents_running", Help: "Intents being executed now."}),
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "murmuration_intents_total", Help: "Executions by kind and outcome: finished, retried, parked."}, []string{"kind", "outcome"}),
		seconds:  prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "murmuration_intent_seconds", Help: "Time of one execution by kind.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}, []string{"kind"}),
	}
	if reg != nil {
		reg.MustRegister(m.running, m.outcomes, m.seconds)
	}
	return m
}
