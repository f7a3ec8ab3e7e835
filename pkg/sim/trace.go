package sim

import (
	"fmt"
	"strings"
	"time"
)

// tracer remembers what happened, in the order of the only clock there is. Every
// run hashes it; the words are kept by a run that is told to.
type tracer struct {
	hash   uint64
	events int
	words  bool
	lines  []string
	detail string // of the effect under way
}

func (t *tracer) add(at time.Duration, words ...string) {
	h := mix(t.hash ^ uint64(at))
	for _, s := range words {
		h = hashString(h, s)
	}
	t.hash = h
	t.events++
}

// note records the arrival of a call; the world's lock is held.
func (w *World) note(r *request, what string, err error) {
	at := time.Since(w.began)
	w.trace.add(at, r.node.Name, r.op, r.key, what)
	if !w.trace.words {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%12s  %-14s %-10s %s", at, r.node.Name, r.part.name, r.op)
	if r.key != "" {
		b.WriteString(" " + r.key)
	}
	if w.trace.detail != "" {
		b.WriteString(": " + w.trace.detail)
		w.trace.detail = ""
	}
	if err != nil {
		b.WriteString("  ✗ " + err.Error())
	}
	if what != "" {
		b.WriteString("  ← " + strings.ToUpper(what))
	}
	w.trace.lines = append(w.trace.lines, b.String())
}

// event records what is no call.
func (w *World) event(n *Node, what string) {
	at := time.Since(w.began)
	name := "*"
	if n != nil {
		name = n.Name
	}
	w.trace.add(at, name, what)
	if w.trace.words {
		w.trace.lines = append(w.trace.lines, fmt.Sprintf("%12s  %-14s %s", at, name, what))
	}
}

// explain adds words to the call that is taking effect.
func (w *World) explain(words func() string) {
	if w.trace.words {
		w.trace.detail = words()
	}
}

// Logf adds a line to the trace of this schedule: what a workload did, say. It
// must not be called within an effect or a check.
func (w *World) Logf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.event(nil, fmt.Sprintf(format, args...))
}
