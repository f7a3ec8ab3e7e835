package aggregate

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// Events that every kind of stream can hold. No domain decides them: they are
// written when an operator brings a database and its topics together again.
const (
	// EventLost stands for an event that a database lost and nobody can tell.
	EventLost = "Lost"
	// EventAdopted carries the state that the log tells of the stream.
	EventAdopted = "Adopted"
	// EventRepublished changes nothing: its record tells the state once more.
	EventRepublished = "Republished"
)

// HeaderRepublished marks a record that tells again what was told before.
const HeaderRepublished = "republished"

// Adoption is what a stream takes over from the log.
type Adoption[S any] struct {
	// State is what the stream becomes at Version, which is above its own.
	State   S
	Version int64
	// Published are further versions of which records are in the log, although
	// the stream does not know it.
	Published []int64
	// Withdrawn are versions of which the stream believes that records went out,
	// and of which none is or ever will be in the log.
	Withdrawn []int64
}

// amended is the stored form of an EventAdopted, and without State that of an
// EventRepublished.
type amended struct {
	State     json.RawMessage `json:"state,omitempty"`
	Published []int64         `json:"published,omitempty"`
	Withdrawn []int64         `json:"withdrawn,omitempty"`
}

// schemaAdopted is the version of the shape of the events above.
const schemaAdopted = 1

// Adopt makes the root what the log says. The versions between its own and the
// log's are filled with EventLost, of which there can be at most as many as one
// unit of work should hold: see Skip. The record of the commit is made of the new
// state, whatever it was before.
func (r *Root[S, O, E]) Adopt(meta eventstore.Meta, a Adoption[S]) error {
	if a.Version <= r.Version {
		return fmt.Errorf("adopt %s at %d: it is at %d already", r.row.ID, a.Version, r.Version)
	}
	state, err := json.Marshal(a.State)
	if err != nil {
		return fmt.Errorf("encode state of %s: %w", r.row.ID, err)
	}
	data, err := json.Marshal(amended{State: state, Published: a.Published, Withdrawn: a.Withdrawn})
	if err != nil {
		return fmt.Errorf("encode event of %s: %w", r.row.ID, err)
	}
	r.Skip(meta, a.Version-r.Version-1)
	r.special(meta, EventAdopted, data)
	r.State = a.State
	r.publishAgain()
	return nil
}

// Skip appends n times EventLost.
func (r *Root[S, O, E]) Skip(meta eventstore.Meta, n int64) {
	for range n {
		r.special(meta, EventLost, []byte(`{}`))
	}
}

// Republish appends an EventRepublished, whose record tells the present state
// under a new version. Withdrawn are as in an Adoption.
func (r *Root[S, O, E]) Republish(meta eventstore.Meta, withdrawn []int64) error {
	data, err := json.Marshal(amended{Withdrawn: withdrawn})
	if err != nil {
		return fmt.Errorf("encode event of %s: %w", r.row.ID, err)
	}
	r.special(meta, EventRepublished, data)
	r.publishAgain()
	return nil
}

func (r *Root[S, O, E]) special(meta eventstore.Meta, name string, data []byte) {
	r.events = append(r.events, eventstore.NewEvent{Type: name, Schema: schemaAdopted, Data: data, Meta: meta})
	r.Version++
}

// publishAgain makes everything public news.
func (r *Root[S, O, E]) publishAgain() {
	var nothing S
	r.before = nothing
}

// Published returns the version of the last record of the loaded stream.
func (r *Root[S, O, E]) Published() int64 { return r.row.Published }

// At returns what the stream's record of a version said, rebuilt from events; ok
// is false when no record went out with it. Errors are those of Rebuild.
func (d *Definition[S, O, E]) At(ctx context.Context, r eventstore.Reader, id string, version int64) (t Transition[S], ok bool, err error) {
	built, err := d.rebuild(ctx, r, id, version)
	if err != nil || built.Last.Version != version {
		return t, false, err
	}
	return built.Last, true, nil
}

// fold takes one stored event.
func (d *Definition[S, O, E]) fold(out *Rebuilt[S], stored eventstore.Event) error {
	switch stored.Type {
	case EventLost:
		return nil
	case EventAdopted, EventRepublished:
		var a amended
		if err := json.Unmarshal(stored.Data, &a); err != nil {
			return err
		}
		if stored.Type == EventAdopted {
			var state S
			if err := json.Unmarshal(a.State, &state); err != nil {
				return err
			}
			out.State = state
		}
		withdrawn := func(v int64) bool { return slices.Contains(a.Withdrawn, v) }
		out.Published = append(slices.DeleteFunc(out.Published, withdrawn), a.Published...)
		slices.Sort(out.Published)
		out.Published = slices.Compact(out.Published)
		return nil
	}
	event, err := d.Decode(stored.Type, stored.Schema, stored.Data)
	if err != nil {
		return err
	}
	out.State = d.Evolve(out.State, event)
	return nil
}
