// Package aggregate binds a pure domain to an event store: it loads streams for
// update, decodes their states, collects the events that the domain decided and
// writes them, with the record that others may see, into one unit of work.
//
// # Guarantee
//
//   - One commit per session; all that the session's roots decided, or nothing.
//   - At most one record per stream and commit, built from the state after its
//     last event, so that a reader of a compacted topic sees full states only.
//   - The stored state is the canonical encoding of the folded events: Inspect
//     rebuilds it and compares byte for byte.
//
// # What it does not do
//
// It decides nothing, and it calls nobody: effects are intents in the unit.
package aggregate

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// Definition describes one kind of aggregate: S its state, O what it observes of
// other services, E its events. States and observations are encoded as JSON and
// must encode deterministically.
type Definition[S, O, E any] struct {
	// Kind is the first part of the stream ids, e.g. "order".
	Kind string
	// Evolve is the domain's pure function.
	Evolve func(S, E) S
	// Decode reads a stored event of any schema that was ever written, upcasting
	// old ones to today's shape.
	Decode func(eventType string, schema int, data []byte) (E, error)
	// Encode gives an event its stored form: the name of its type, the version of
	// its shape, and JSON.
	Encode func(E) (eventType string, schema int, data []byte, err error)
	// Publish returns the record that others may see of the new state, or nil
	// when nothing public changed. Nil means that the aggregate is private.
	Publish func(Transition[S]) (*eventstore.Record, error)
	// Show returns what a record of the transition says, as a value that encodes
	// to JSON, so that an audit can compare topics with events. Required with
	// Publish.
	Show func(Transition[S]) any
}

// Transition is what one commit does to one aggregate.
type Transition[S any] struct {
	Stream eventstore.StreamID
	// Version is that of the last event.
	Version int64
	// Before and After are the states around the whole commit.
	Before, After S
	// EventType is the type of the last event.
	EventType string
	// Meta is that of the last event.
	Meta eventstore.Meta
}

// StreamID is the stream of one aggregate of this kind.
func (d *Definition[S, O, E]) StreamID(id string) eventstore.StreamID {
	return eventstore.StreamID{Kind: d.Kind, ID: id}
}

// Read returns one aggregate without locking it: its version (0 if it does not
// exist), state and observations.
func (d *Definition[S, O, E]) Read(ctx context.Context, r eventstore.Reader, id string) (*Root[S, O, E], error) {
	row, err := r.Stream(ctx, d.StreamID(id))
	if err != nil {
		return nil, err
	}
	return d.decode(row)
}

// Root decodes a row that was read elsewhere, e.g. by Reader.Streams.
func (d *Definition[S, O, E]) Root(row eventstore.Stream) (*Root[S, O, E], error) {
	return d.decode(row)
}

func (d *Definition[S, O, E]) decode(row eventstore.Stream) (*Root[S, O, E], error) {
	root := &Root[S, O, E]{definition: d, row: row, ID: row.ID.ID, Version: row.Version}
	if row.State != nil {
		if err := json.Unmarshal(row.State, &root.State); err != nil {
			return nil, fmt.Errorf("decode state of %s at %d: %w", row.ID, row.Version, err)
		}
	}
	if row.Observed != nil {
		if err := json.Unmarshal(row.Observed, &root.Observed); err != nil {
			return nil, fmt.Errorf("decode observations of %s: %w", row.ID, err)
		}
	}
	root.before = root.State
	return root, nil
}
