package quantile_test

import (
	"slices"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/e2e/bench/quantile"
)

func TestOf_IsTheNearestRank(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(100-i))
	}
	for _, c := range []struct {
		values []time.Duration
		p      float64
		want   time.Duration
	}{
		{hundred, 0.5, 50}, {hundred, 0.99, 99}, {hundred, 1, 100}, {hundred, 0, 1},
		{[]time.Duration{7}, 0.5, 7}, {[]time.Duration{7}, 0.99, 7},
		{[]time.Duration{3, 1, 2}, 0.5, 2}, {nil, 0.5, 0},
	} {
		if got := quantile.Of(c.values, c.p); got != c.want {
			t.Errorf("%v of %d values is %d, want %d", c.p, len(c.values), got, c.want)
		}
	}
}

func TestOf_LeavesTheValuesInTheirOrder(t *testing.T) {
	values := []time.Duration{3, 1, 2}
	quantile.Of(values, 0.5)
	if !slices.Equal(values, []time.Duration{3, 1, 2}) {
		t.Errorf("they are %v now", values)
	}
}

func TestMedian_IsInTheMiddle(t *testing.T) {
	for want, values := range map[float64][]float64{0: nil, 4: {4}, 3: {2, 4}, 2: {9, 1, 2}, 2.5: {1, 2, 3, 100}} {
		if got := quantile.Median(values); got != want {
			t.Errorf("of %v it is %v, want %v", values, got, want)
		}
	}
}
