package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// missingError is an unknown topic as the metadata told it. A broker's own
// "unknown topic or partition" can be a leader that moved and passes; this one
// is the answer.
type missingError struct{ error }

func (e missingError) Unwrap() error { return e.error }

func asMissing(err error) error {
	if errors.Is(err, ErrUnknownTopic) {
		return missingError{err}
	}
	return err
}

const (
	// patience is how long a call outlasts brokers that move, restart or load:
	// longer than a broker needs to leave the cluster (9 s by default) and a
	// leader to be elected.
	patience   = 30 * time.Second
	minBackoff = 10 * time.Millisecond
	maxBackoff = 500 * time.Millisecond
)

// patiently repeats f, which must be safe to repeat, while its error may pass.
func patiently(ctx context.Context, f func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for wait := minBackoff; ; wait = min(2*wait, maxBackoff) {
		err := f(limited)
		if err == nil || !retriable(err) || errors.As(err, new(missingError)) {
			return err
		}
		if !pause(limited, wait) {
			return fmt.Errorf("%w; the last attempt: %w", limited.Err(), err)
		}
	}
}

// pause reports whether ctx was still alive after d.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// firstFatal picks the error that decides: one that will not pass, else any.
func firstFatal(errs []error) error {
	var first error
	for _, err := range errs {
		if err != nil && (first == nil || retriable(first) && !retriable(err)) {
			first = err
		}
	}
	return first
}
