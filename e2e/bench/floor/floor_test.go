package floor

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestOneByOne_EndsWithItsTimeOrWithAFailure(t *testing.T) {
	n := 0
	times, err := oneByOne(t.Context(), time.Millisecond, func(_ context.Context, i int) error {
		if i != n {
			t.Errorf("operation %d is told that it is %d", n, i)
		}
		n++
		return nil
	})
	if err != nil || n == 0 || times.P50 > times.P99 || times.PerSecond <= 0 {
		t.Errorf("%d operations: %+v, %v", n, times, err)
	}
	refused := errors.New("refused")
	if _, err := oneByOne(t.Context(), time.Hour, func(context.Context, int) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("ended with %v", err)
	}
}

func TestMean_IsOfEachFigure(t *testing.T) {
	a := Result{Produce: Times{1, 2, 3}, Insert: Times{4, 5, 6}, Pipelined: 7, Shared: 8}
	b := Result{Produce: Times{3, 4, 5}, Insert: Times{6, 7, 8}, Pipelined: 9, Shared: 10}
	want := Result{Produce: Times{2, 3, 4}, Insert: Times{5, 6, 7}, Pipelined: 8, Shared: 9}
	if got := Mean(a, b); got != want {
		t.Errorf("it is %+v", got)
	}
}
