// Package plan draws schedules of faults from a seed.
//
// # Guarantee
//
// The same seed and the same configuration give the same schedule, on every
// machine. Each kind of fault comes once before any comes twice, and each kind
// with each of its targets before one such pair is repeated, as far as the number
// of faults allows.
//
// # What it does not do
//
// It injects nothing. A target such as "the leader of orders" is a role: which
// broker that is shows at the moment of the fault, and so do the effects, which
// depend on what the platform does at that moment and do not repeat with the seed.
package plan

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Fault is one fault of a schedule.
type Fault struct {
	Kind   Kind
	Target Target
	// At is when it begins, For how long it lasts; what was stopped is started
	// again then.
	At, For time.Duration
	// Choice decides whatever else there is to choose: which replica, how large a
	// delay.
	Choice uint64
}

func (f Fault) String() string {
	return fmt.Sprintf("%7.1f s  %-15s  %-34s for %4.1f s", f.At.Seconds(), f.Kind, f.Target, f.For.Seconds())
}

// Schedule is what is done to a platform, in the order of time.
type Schedule struct {
	Seed   uint64
	Faults []Fault
}

// Length is when the last fault is over.
func (s Schedule) Length() time.Duration {
	var end time.Duration
	for _, f := range s.Faults {
		end = max(end, f.At+f.For)
	}
	return end
}

func (s Schedule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "schedule of seed %d: %d faults in %.0f s\n", s.Seed, len(s.Faults), s.Length().Seconds())
	for _, f := range s.Faults {
		fmt.Fprintln(&b, f)
	}
	return b.String()
}

// Config says how much is wanted.
type Config struct {
	// Faults is how many, Duration in what time. Where they do not fit they take
	// longer, one after the other without a pause.
	Faults   int
	Duration time.Duration
	// Without are kinds that the machine cannot inject.
	Without []Kind
}

// Draw makes the schedule of a seed.
//
// Faults come in lanes, one for each sort of part: those of one lane follow each
// other, so that never more than one broker or one database is down at a time,
// while those of different lanes meet.
func Draw(seed uint64, cfg Config) Schedule {
	random := rand.New(rand.NewPCG(seed, seed))
	lanes := make(map[lane][]Fault)
	for _, p := range deal(random, cfg) {
		f := Fault{Kind: p.kind, Target: p.target, Choice: random.Uint64()}
		span := p.kind.lasts(p.target)
		f.For = between(random, span.least, span.most).Round(100 * time.Millisecond)
		lanes[p.target.lane()] = append(lanes[p.target.lane()], f)
	}
	s := Schedule{Seed: seed}
	for _, l := range allLanes {
		s.Faults = append(s.Faults, spread(random, lanes[l], cfg.Duration)...)
	}
	slices.SortStableFunc(s.Faults, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	return s
}

// pair is a kind of fault and what it is done to.
type pair struct {
	kind   Kind
	target Target
}

// deal draws pairs: in each round every pair once, and at its beginning every kind
// once.
func deal(random *rand.Rand, cfg Config) []pair {
	var out []pair
	for len(out) < cfg.Faults {
		var first, rest []pair
		for _, k := range Kinds() {
			if slices.Contains(cfg.Without, k) {
				continue
			}
			targets := k.Targets()
			random.Shuffle(len(targets), func(i, j int) { targets[i], targets[j] = targets[j], targets[i] })
			for i, t := range targets {
				if i == 0 {
					first = append(first, pair{k, t})
				} else {
					rest = append(rest, pair{k, t})
				}
			}
		}
		for _, part := range [][]pair{first, rest} {
			random.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
			out = append(out, part...)
		}
		if len(first) == 0 {
			break // nothing can be injected
		}
	}
	return out[:min(len(out), cfg.Faults)]
}

// settle is the least time between two faults of one lane: so long that the part
// is at work again, and not so long that it has quite recovered.
const settle = 1500 * time.Millisecond

// spread gives the faults of a lane their times: what is left of the duration is
// shared among the pauses at random.
func spread(random *rand.Rand, faults []Fault, duration time.Duration) []Fault {
	free := duration
	weights, sum := make([]float64, len(faults)+1), 0.0
	for i := range weights {
		weights[i] = 0.2 + random.Float64()
		sum += weights[i]
	}
	for _, f := range faults {
		free -= f.For + settle
	}
	free = max(free, 0)
	var at time.Duration
	for i := range faults {
		at += time.Duration(float64(free) * weights[i] / sum).Round(100 * time.Millisecond)
		faults[i].At = at
		at += faults[i].For + settle
	}
	return faults
}

func between(random *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(random.Int64N(int64(most-least)+1))
}
