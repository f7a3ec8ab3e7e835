package outbox

import (
	"testing"
	"testing/synctest"
)

// explorer walks through all sequences of choices, one per run: the first run
// takes the first option everywhere, each further run changes the last choice
// that has an option left.
type explorer struct {
	path []fork
	at   int
	runs int
}

type fork struct{ taken, options int }

// choose returns one of 0..options-1.
func (x *explorer) choose(options int) int {
	if x.at == len(x.path) {
		x.path = append(x.path, fork{options: options})
	}
	f := x.path[x.at]
	if f.options != options {
		panic("the run does not depend on its choices alone")
	}
	x.at++
	return f.taken
}

func (x *explorer) next() bool {
	x.path = x.path[:x.at] // a shorter run than the last one leaves a tail
	x.at = 0
	x.runs++
	for i := len(x.path) - 1; i >= 0; i-- {
		if f := &x.path[i]; f.taken+1 < f.options {
			f.taken++
			x.path = x.path[:i+1]
			return true
		}
	}
	return false
}

// explore runs a scenario once for every sequence of choices.
func explore(t *testing.T, scenario func(*world, *explorer)) {
	t.Helper()
	x := &explorer{}
	for more := true; more && !t.Failed(); more = x.next() {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			scenario(w, x)
			w.finish()
		})
	}
	t.Logf("%d runs", x.runs)
}

// scenario runs one world to a good end.
func scenario(t *testing.T, play func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		play(w)
		w.finish()
	})
}

// feed commits more rows once, as soon as something was published.
func (w *world) feed(streams ...string) func() bool {
	fed := false
	return func() bool {
		if !fed && len(w.visible("order-positions")) > 0 {
			fed = true
			w.commit(streams...)
		}
		return fed && w.settled()
	}
}

// Every pair of faults (a lost request, a lost answer, a crash before or after
// the effect), at every pair of steps.
func TestRelay_SurvivesEveryFaultAtEveryStep(t *testing.T) {
	explore(t, func(w *world, x *explorer) {
		w.commit("a", "b", "a")
		w.start("first")
		faults := 2
		w.run("faults", w.feed("a", "c"), func(c *call) outcome {
			if faults == 0 {
				return granted
			}
			o := outcome(x.choose(int(outcomes)))
			if o != granted {
				faults--
			}
			if o == crash || o == lateCrash {
				w.start("next")
			}
			return o
		})
		w.drain()
	})
}

// Two relays that both believe to lead, for ever, and take turns at every
// combination of steps: the lease is not what keeps the log correct.
func TestRelay_Hazard04_ZombiesAtEveryStep(t *testing.T) {
	explore(t, func(w *world, x *explorer) {
		w.commit("a", "b", "a")
		both := []*process{w.start("first", lying), w.start("second", lying)}
		w.turns(x, both, 3, w.feed("a", "c"))
		w.drain()
	})
}

// turns lets one process at a time go on, and switches to the next a number of
// times at any step.
func (w *world) turns(x *explorer, processes []*process, switches int, done func() bool) {
	w.t.Helper()
	active := 0
	const enough = 2000
	for range enough {
		ready := w.ready(processes[active])
		switch {
		case done():
			return
		case len(ready) == 0:
			w.tick()
			continue
		}
		if switches > 0 && x.choose(2) == 1 {
			switches--
			active = (active + 1) % len(processes)
			continue
		}
		w.grant(ready[0], granted)
	}
	w.fatalf("nothing came of it")
}
