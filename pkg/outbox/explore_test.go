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

func TestRelay_SurvivesEveryFaultAtEveryStep(t *testing.T) {
	explore(t, func(w *world, x *explorer) {
		faults := 2
		w.commit("a", "b", "a")
		w.start("first")
		more := 2
		step := 0
		done := func() bool {
			if len(w.visible("order-positions")) > 0 && more > 0 {
				more--
				w.commit("a", "c")
			}
			return w.settled()
		}
		w.run("faults", done, func(c *call) outcome {
			step++
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
