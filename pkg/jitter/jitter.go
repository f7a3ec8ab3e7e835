// Package jitter is the chance in waits: how much of a pause is left to it, so
// that those who failed together do not come back together.
//
// Guarantee: every value is below the bound that was asked for, and none is
// negative. Where a context carries a source the values come from it, so that a
// simulation repeats itself; everywhere else they come from the runtime's.
//
// It is not for anything that must not be guessed.
package jitter

import (
	"context"
	"math/rand/v2"
	"time"
)

// Source returns a value below n, which is positive. It must be safe for
// concurrent use.
type Source func(n int64) int64

type key struct{}

// With returns a context whose waits take their chance from a source.
func With(ctx context.Context, s Source) context.Context {
	return context.WithValue(ctx, key{}, s)
}

// Below returns a duration from zero up to, not including, a positive bound.
func Below(ctx context.Context, bound time.Duration) time.Duration {
	if s, ok := ctx.Value(key{}).(Source); ok {
		return time.Duration(s(int64(bound)))
	}
	return rand.N(bound)
}
