package aggregate

import (
	"encoding/json"
	"fmt"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// Root is one loaded aggregate: what it is and what it has observed. It is not
// safe for concurrent use.
type Root[S, O, E any] struct {
	// ID is the aggregate's identity, Version that of its last event with those
	// that Apply added.
	ID      string
	Version int64
	// State is the folded state, with the events that Apply added.
	State S
	// Observed is what was seen of others; set it with Observe.
	Observed O

	definition *Definition[S, O, E]
	row        eventstore.Stream
	before     S
	events     []eventstore.NewEvent
	observed   bool
}

// Apply adds events that the domain decided and evolves the state.
func (r *Root[S, O, E]) Apply(meta eventstore.Meta, events ...E) error {
	for _, e := range events {
		name, schema, data, err := r.definition.Encode(e)
		if err != nil {
			return fmt.Errorf("encode event of %s: %w", r.row.ID, err)
		}
		r.events = append(r.events, eventstore.NewEvent{Type: name, Schema: schema, Data: data, Meta: meta})
		r.State = r.definition.Evolve(r.State, e)
		r.Version++
	}
	return nil
}

// Observe replaces what was seen of others. It is stored with the commit even
// when no event follows.
func (r *Root[S, O, E]) Observe(o O) {
	r.Observed, r.observed = o, true
}

// Changed tells whether a commit would write anything.
func (r *Root[S, O, E]) Changed() bool { return len(r.events) > 0 || r.observed }

// change is the root's part of the unit, and whether there is any.
func (r *Root[S, O, E]) change() (eventstore.Change, bool, error) {
	c := eventstore.Change{Stream: r.row.ID, Expected: r.row.Version, State: r.row.State, Observed: r.row.Observed}
	if !r.Changed() {
		return c, false, nil
	}
	var err error
	if r.observed {
		if c.Observed, err = json.Marshal(r.Observed); err != nil {
			return c, false, fmt.Errorf("encode observations of %s: %w", r.row.ID, err)
		}
	}
	if len(r.events) == 0 {
		return c, true, nil
	}
	c.Events = r.events
	if c.State, err = json.Marshal(r.State); err != nil {
		return c, false, fmt.Errorf("encode state of %s: %w", r.row.ID, err)
	}
	last := r.events[len(r.events)-1]
	if r.definition.Publish == nil || last.Type == EventLost {
		return c, true, nil
	}
	c.Record, err = r.definition.Publish(Transition[S]{
		Stream: r.row.ID, Version: r.Version, Before: r.before, After: r.State, EventType: last.Type, Meta: last.Meta,
	})
	if err != nil {
		return c, false, fmt.Errorf("encode record of %s at %d: %w", r.row.ID, r.Version, err)
	}
	if last.Type == EventRepublished && c.Record != nil {
		c.Record.Headers = append(c.Record.Headers, eventstore.Header{Key: HeaderRepublished, Value: "true"})
	}
	return c, true, nil
}

func (r *Root[S, O, E]) save() func() {
	kept := *r
	return func() { *r = kept }
}
