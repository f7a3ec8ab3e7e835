package main

import (
	"slices"
	"sync"
	"time"
)

// reasonLimit bounds the different reasons that are kept of one phase.
const reasonLimit = 8

// Phase is the figures of one phase: of the requests that began in it.
type Phase struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	// Requests were made, Repeated of them more than once, by Retries attempts in
	// all; Failed were not answered within the patience.
	Requests int `json:"requests"`
	Repeated int `json:"repeated"`
	Retries  int `json:"retries"`
	Failed   int `json:"failed"`
	// Orders were acknowledged; TurnedAway customers came while too many waited.
	Orders     int `json:"orders"`
	TurnedAway int `json:"turned_away"`
	// Longest is what a request took at most, with its repetitions.
	Longest float64 `json:"longest_seconds"`
	// Reasons of repetitions, and how often each was met.
	Reasons map[string]int `json:"reasons"`
}

// tally keeps the figures. It is safe for concurrent use.
type tally struct {
	mu     sync.Mutex
	began  time.Time // the last phase
	phases []*Phase
}

func newTally() *tally {
	t := &tally{}
	t.begin("start")
	return t
}

// begin ends a phase and begins the next.
func (t *tally) begin(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if len(t.phases) > 0 {
		t.phases[len(t.phases)-1].Seconds = now.Sub(t.began).Seconds()
	}
	t.began = now
	t.phases = append(t.phases, &Phase{Name: name, Reasons: make(map[string]int)})
}

// now is the phase that a request belongs to which begins now.
func (t *tally) now() *Phase {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.phases[len(t.phases)-1]
}

// enter changes figures of a phase.
func (t *tally) enter(p *Phase, change func(*Phase)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(p)
}

// all are the figures so far.
func (t *tally) all() []Phase {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.phases[len(t.phases)-1].Seconds = time.Since(t.began).Seconds()
	out := make([]Phase, len(t.phases))
	for i, p := range t.phases {
		out[i] = *p
		out[i].Reasons = make(map[string]int, len(p.Reasons))
		for reason, n := range p.Reasons {
			out[i].Reasons[reason] = n
		}
	}
	return slices.Clip(out)
}

// again counts a repetition and its reason.
func (p *Phase) again(reason string) {
	p.Retries++
	if _, known := p.Reasons[reason]; !known && len(p.Reasons) >= reasonLimit {
		reason = "others"
	}
	p.Reasons[reason]++
}
