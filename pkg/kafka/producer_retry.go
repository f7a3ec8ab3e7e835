package kafka

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	// concurrentBackoff: the markers of an earlier transaction are written within
	// milliseconds, and every one waited here is latency of the next.
	concurrentBackoff = time.Millisecond

	// concurrentHurry is how long that lasts. Markers that take longer wait for a
	// broker that died, for seconds: the pause doubles then, and what is added to
	// the wait stays small beside it.
	concurrentHurry      = 100 * time.Millisecond
	maxConcurrentBackoff = 50 * time.Millisecond

	// backoffGrowth bounds the pause at this many times the first one.
	backoffGrowth = 50

	// attemptsPerTimeout: a request without an answer is given up and sent again
	// while the transaction still lives.
	attemptsPerTimeout = 3
)

// retry repeats f, which must be safe to repeat, until it succeeds, fails for
// good, or ctx ends. ctx must have a deadline.
func (p *Producer) retry(ctx context.Context, api string, f func(context.Context) error) error {
	pause, busy, began := p.cfg.RetryBackoff, concurrentBackoff, time.Now()
	var reason error // the latest code, if there was any: it says more than a timeout
	for {
		err := p.attempt(ctx, f)
		switch {
		case err == nil:
			return nil
		case errors.As(err, new(Error)) || reason == nil:
			reason = err
		}
		switch {
		case ctx.Err() != nil:
			return gaveUp(ctx, reason)
		case !retriable(err):
			return err
		}
		p.stats.retried(api, err)
		var wait time.Duration
		if errors.Is(err, codeConcurrentTransactions) {
			if time.Since(began) > concurrentHurry {
				busy = min(2*busy, maxConcurrentBackoff)
			}
			wait = busy
		} else {
			wait = pause
			pause = min(2*pause, backoffGrowth*p.cfg.RetryBackoff)
		}
		// Jitter, because all the others of a cluster's clients failed just now too.
		timer := time.NewTimer(wait + rand.N(wait))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return gaveUp(ctx, reason)
		}
	}
}

func (p *Producer) attempt(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.TransactionTimeout/attemptsPerTimeout)
	defer cancel()
	return f(ctx)
}

// gaveUp keeps both: why we stopped, and what kept us from succeeding.
func gaveUp(ctx context.Context, reason error) error {
	if errors.Is(reason, ctx.Err()) {
		return reason
	}
	return fmt.Errorf("%w: %w", ctx.Err(), reason)
}
