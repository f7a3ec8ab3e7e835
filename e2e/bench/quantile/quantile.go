// Package quantile tells what lies in the middle, and near the end, of what was
// measured. It keeps every value: a measurement has some thousands.
package quantile

import (
	"math"
	"slices"
	"time"
)

// Of is the value that the share p of all values does not exceed, by nearest
// rank; 0 without values. The values stay in their order.
func Of(values []time.Duration, p float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(p * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// Median is the middle one of the values, or the mean of the two in the middle; 0
// without values.
func Median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Milliseconds is a duration as tables have it.
func Milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
