package sim

import (
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// Chance never comes from one stream of numbers that whoever asks first takes
// from: it is a hash of the seed and of what is asked, so that two goroutines
// which are ready at the same instant cannot swap their fates, and so that a
// fault which is left out changes nothing before it.

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func hashString(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * fnvPrime
	}
	return (h ^ 0xff) * fnvPrime // "ab","c" is not "a","bc"
}

// mix spreads a value over all bits (the finalizer of SplitMix64).
func mix(h uint64) uint64 {
	h += 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// dice are draws for one purpose.
type dice uint64

func newDice(seed uint64, purpose string) dice {
	return dice(mix(hashString(mix(seed)^fnvOffset, purpose)))
}

// next returns the next draw.
func (d *dice) next() uint64 {
	*d = dice(mix(uint64(*d)))
	return uint64(*d)
}

// below returns a draw from zero up to, not including, n.
func (d *dice) below(n int) int { return int(d.next() % uint64(n)) }

// oneIn is true once in n draws.
func (d *dice) oneIn(n int) bool { return d.below(n) == 0 }

func (d *dice) between(low, high time.Duration) time.Duration {
	return low + time.Duration(d.next()%uint64(high-low))
}

// Rand returns a source of random numbers for one purpose of a scenario, the
// same for the same seed, whatever else is drawn.
func (w *World) Rand(purpose string) *rand.Rand {
	d := newDice(w.plan.Seed, "scenario "+purpose)
	return rand.New(rand.NewPCG(d.next(), d.next()))
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
