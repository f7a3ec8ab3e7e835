package hop

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Hop is what was measured between two services.
type Hop struct {
	From, To string
	// Visible is from the commit to where readers of committed records see it,
	// Handled from there to the commit of what it led to, and Whole both.
	Visible, Handled, Whole []time.Duration
}

// Join finds what led to what, over the events of all services and the moments at
// which their records became visible. Hops come by the names of their ends.
func Join(events []Event, visible map[string]time.Time) []Hop {
	causes := make(map[string]Event, len(events))
	for _, e := range events {
		causes[e.ID] = e
	}
	type ends struct{ from, to string }
	hops := make(map[ends]*Hop)
	type unit struct{ service, causation string }
	counted := make(map[unit]bool) // several events of one unit are one arrival
	for _, e := range events {
		cause, known := causes[e.Causation]
		seen, came := visible[e.Causation]
		u := unit{e.Service, e.Causation}
		if !known || !came || cause.Service == e.Service || counted[u] {
			continue
		}
		counted[u] = true
		at := ends{cause.Service, e.Service}
		h := hops[at]
		if h == nil {
			h = &Hop{From: at.from, To: at.to}
			hops[at] = h
		}
		h.Visible = append(h.Visible, seen.Sub(cause.Committed))
		h.Handled = append(h.Handled, e.Committed.Sub(seen))
		h.Whole = append(h.Whole, e.Committed.Sub(cause.Committed))
	}
	out := make([]Hop, 0, len(hops))
	for _, h := range hops {
		out = append(out, *h)
	}
	slices.SortFunc(out, func(a, b Hop) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return out
}

// intentPrefix begins the causation of what an external effect led to.
const intentPrefix = "intent/"

// Effects is how long a service took from the commit of what a record led to, over
// the external effects that this asked for, to the commit of an answer that others
// see. The events are in the order of Events.
func Effects(events []Event, visible map[string]time.Time) []time.Duration {
	var out []time.Duration
	var begun Event
	for _, e := range events {
		_, published := visible[e.ID]
		switch {
		case !strings.HasPrefix(e.Causation, intentPrefix):
			begun = e
		case published && begun.Stream == e.Stream:
			out = append(out, e.Committed.Sub(begun.Committed))
			begun = Event{}
		}
	}
	return out
}
