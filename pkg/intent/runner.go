package intent

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// Run executes intents until ctx ends, waits for the executions under way (their
// contexts end too) and returns nil. Failures of the database are retried.
func (r *Runner) Run(ctx context.Context) error {
	var all sync.WaitGroup
	slots := make(chan struct{}, r.cfg.Concurrency)
	wakePrompt, wakeDeadline := make(chan struct{}, 1), make(chan struct{}, 1)
	all.Go(func() { r.spread(ctx, wakePrompt, wakeDeadline) })
	if len(r.prompt) > 0 {
		all.Go(func() { r.serve(ctx, r.prompt, false, slots, wakePrompt) })
	}
	if len(r.deadline) > 0 {
		// Deadlines have slots of their own: while the broker is away they wait
		// for the inbox, and must not hold up effects that can go on.
		all.Go(func() {
			r.serve(ctx, r.deadline, true, make(chan struct{}, r.cfg.Concurrency), wakeDeadline)
		})
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
func (r *Runner) serve(ctx context.Context, kinds []string, afterInbox bool, slots chan struct{}, wake <-chan struct{}) {
	var running sync.WaitGroup
	defer running.Wait()
	freed := make(chan struct{}, 1)
	failing := false
	for ctx.Err() == nil {
		n, err := r.claim(ctx, kinds, afterInbox, slots, &running, freed)
		if err != nil && ctx.Err() == nil && !failing {
			r.deps.Logger.Warn("intents cannot be claimed; going on trying", zap.Error(err))
		}
		failing = err != nil
		if err == nil && n > 0 {
			continue // there may be more
		}
		r.idle(ctx, kinds, err == nil, wake, freed)
	}
}

// idle waits for a signal, a free slot, the next due time or the poll.
func (r *Runner) idle(ctx context.Context, kinds []string, healthy bool, wake, freed <-chan struct{}) {
	wait := r.cfg.Poll
	if healthy {
		if due, ok, err := r.deps.Store.NextDue(ctx, kinds); err == nil && ok {
			wait = min(wait, max(time.Millisecond, time.UnixMicro(due).Sub(r.deps.Now())))
		}
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-wake:
	case <-freed:
	case <-t.C:
	}
}

// claim takes as many intents as there are free slots and starts them.
func (r *Runner) claim(ctx context.Context, kinds []string, afterInbox bool, slots chan struct{}, running *sync.WaitGroup, freed chan struct{}) (int, error) {
	free := cap(slots) - len(slots)
	if free == 0 {
		return 0, nil
	}
	now := r.deps.Now()
	if due, ok, err := r.deps.Store.NextDue(ctx, kinds); err != nil || !ok || due > now.UnixMicro() {
		return 0, err // nothing to claim: no write
	}
	if afterInbox {
		if err := r.deps.CaughtUp(ctx, now); err != nil {
			return 0, err
		}
	}
	claimed, err := r.deps.Store.ClaimIntents(ctx, r.cfg.Owner, kinds, now.UnixMicro(), r.cfg.Lease, free)
	if err != nil {
		return 0, err
	}
	for _, in := range claimed {
		slots <- struct{}{}
		running.Go(func() {
			r.execute(ctx, in)
			<-slots
			select {
			case freed <- struct{}{}:
			default:
			}
		})
	}
	return len(claimed), nil
}

// execute runs one intent and decides what becomes of it.
func (r *Runner) execute(ctx context.Context, in eventstore.Intent) {
	r.metrics.running.Inc()
	defer r.metrics.running.Dec()
	start := r.deps.Now()
	bounded, cancel := context.WithTimeout(ctx, r.cfg.Lease)
	err := r.run(bounded, in)
	cancel()
	r.metrics.seconds.WithLabelValues(in.Kind).Observe(r.deps.Now().Sub(start).Seconds())
	if err == nil {
		r.metrics.outcomes.WithLabelValues(in.Kind, "finished").Inc()
		return
	}
	if ctx.Err() != nil {
		return // the lease runs out, and somebody takes it up
	}
	log := r.deps.Logger.With(zap.String("intent", in.Key), zap.Int("attempt", in.Attempts), zap.Error(err))
	var permanent *permanentError
	if errors.As(err, &permanent) || in.Attempts >= r.cfg.GiveUpAfter {
		r.metrics.outcomes.WithLabelValues(in.Kind, "parked").Inc()
		log.Error("intent parked: an operator must look at it; see `murmur parked`")
		if err := r.deps.Store.ParkIntent(ctx, r.cfg.Owner, in.Key, err.Error()); err != nil {
			log.Warn("intent could not be parked; it will be tried again when its lease ends", zap.NamedError("store", err))
		}
		return
	}
	r.metrics.outcomes.WithLabelValues(in.Kind, "retried").Inc()
	wait := r.backoff(in.Attempts)
	if errors.Is(err, eventstore.ErrConflict) {
		wait = r.cfg.RetryInitial / 10 // somebody else moved the stream; nothing is wrong
	}
	if in.Attempts == 1 {
		log.Info("intent will be tried again", zap.Duration("in", wait))
	}
	due := r.deps.Now().Add(wait).UnixMicro()
	if err := r.deps.Store.RetryIntent(ctx, r.cfg.Owner, in.Key, due, err.Error()); err != nil {
		log.Warn("intent could not be given back; it will be tried again when its lease ends", zap.NamedError("store", err))
	}
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
func (r *Runner) backoff(attempts int) time.Duration {
	wait := r.cfg.RetryInitial
	for range attempts - 1 {
		if wait *= 2; wait >= r.cfg.RetryMax {
			wait = r.cfg.RetryMax
			break
		}
	}
	return wait/2 + rand.N(wait/2+1)
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
