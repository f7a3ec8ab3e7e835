package sim

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	// maxTries and maxShrink bound shrinking, by runs and by real time: a schedule
	// of a whole day takes long, and its seed must be told all the same.
	maxTries  = 400
	maxShrink = time.Minute
	// maxTrace bounds the lines of a trace that are shown, at its start and at its
	// end: more, nobody reads.
	maxTrace = 300
)

// Shrink leaves out faults and steps of a failing schedule for as long as what is
// left still fails, for whatever reason.
func Shrink(t *testing.T, p Plan, s Scenario) Plan {
	tries, began := 0, time.Now()
	fails := func(p Plan) bool {
		tries++
		return tries <= maxTries && time.Since(began) < maxShrink && Simulate(t, p, false, s).Err != nil
	}
	for again := true; again; {
		again = false
		for i := len(p.Steps) - 1; i >= 0 && len(p.Steps) > 1; i-- {
			less := p
			less.Steps = slices.Delete(slices.Clone(p.Steps), i, i+1)
			if fails(less) {
				p, again = less, true
			}
		}
		for i := len(p.Faults) - 1; i >= 0; i-- {
			less := p
			less.Faults = slices.Delete(slices.Clone(p.Faults), i, i+1)
			if fails(less) {
				p, again = less, true
			}
		}
	}
	return p
}

// Explain shrinks a failing schedule and returns what a person needs: the seed,
// what is left of the schedule, its trace, and what did not hold.
func Explain(t *testing.T, p Plan, s Scenario) string {
	t.Logf("seed %d does not hold; shrinking it", p.Seed)
	small := Shrink(t, p, s)
	r := Simulate(t, small, true, s)
	if r.Err == nil { // it does not repeat itself: show the whole one
		small = p
		r = Simulate(t, p, true, s)
	}
	return describeRun(p, small, r) + repeat(t, p.Seed)
}

// repeat is the command for people.
func repeat(t *testing.T, seed uint64) string {
	pkg := "."
	if info, ok := debug.ReadBuildInfo(); ok {
		pkg = strings.TrimSuffix(info.Path, ".test")
	}
	return fmt.Sprintf("repeat it: %s=%d %s=1 go test -count 1 -v -run '^%s$' %s\n", FirstVar, seed, CountVar, t.Name(), pkg)
}

func describeRun(p, small Plan, r Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %d faults and %d steps, shrunk to:\n", p.Seed, len(p.Faults), len(p.Steps))
	for _, f := range small.Faults {
		fmt.Fprintf(&b, "  fault: %s\n", f)
	}
	for _, name := range small.Steps {
		fmt.Fprintf(&b, "  step: %s\n", name)
	}
	b.WriteString("trace:\n")
	if n := len(r.Trace) - 2*maxTrace; n > 0 {
		left := fmt.Sprintf("(%d lines are left out)", n)
		r.Trace = slices.Concat(r.Trace[:maxTrace], []string{left}, r.Trace[len(r.Trace)-maxTrace:])
	}
	for _, line := range r.Trace {
		b.WriteString(line + "\n")
	}
	if r.Err == nil {
		b.WriteString("it did not fail again: the services depend on something outside of the simulation\n")
	} else {
		fmt.Fprintf(&b, "did not hold: %v\n", r.Err)
	}
	return b.String()
}
