package jitter_test

import (
	"context"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/jitter"
)

func TestBelow_StaysBelowItsBound(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 1000 {
		d := jitter.Below(t.Context(), 4)
		if d < 0 || d >= 4 {
			t.Fatalf("got %d, want 0 to 3", d)
		}
		seen[d] = true
	}
	if len(seen) != 4 {
		t.Errorf("got %d different values of 4", len(seen))
	}
}

func TestBelow_TakesTheSourceOfItsContext(t *testing.T) {
	ctx := jitter.With(t.Context(), func(n int64) int64 { return n - 1 })
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	if got := jitter.Below(ctx, time.Second); got != time.Second-1 {
		t.Errorf("got %s, want what the source said", got)
	}
}
