// Package aggregate binds a pure domain to an event store: it loads streams for
// update, decodes their states, collects the events that the domain decided and
// writes them, with the record that others may see, into one unit of work.
//
// # Guarantee
//
//   - One commit per session; all that the session's roots decided, or nothing.
//   - At most one record per stream and commit, built from the state after its
//     last event, so that a reader of a compacted topic sees full states only.
//   - The stored state is the canonical encoding of the folded events: Verify
//     rebuilds it and compares byte for byte.
//
// # What it does not do
//
// It decides nothing, and it calls nobody: effects are intents in the unit.
package aggregate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// Event is what the stored form of a domain event needs.
type Event interface {
	// EventType is the stored name of the type, in the past tense, e.g. "Placed".
	// It never changes once published.
	EventType() string
}

// Definition describes one kind of aggregate: S its state, O what it observes of
// other services, E its events. States and observations are encoded as JSON and
// must encode deterministically.
type Definition[S, O any, E Event] struct {
	// Kind is the first part of the stream ids, e.g. "order".
	Kind string
	// Evolve is the domain's pure function.
	Evolve func(S, E) S
	// Decode reads a stored event of any schema that was ever written, upcasting
	// old ones to today's shape.
	Decode func(eventType string, schema int, data []byte) (E, error)
	// Schema is the version of the shape that events are written in today. Nil
	// means 1 for all.
	Schema func(E) int
	// Publish returns the record that others may see of the new state, or nil
	// when nothing public changed. Nil means that the aggregate is private.
	Publish func(Transition[S]) (*eventstore.Record, error)
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

// historyPage bounds one read of events during a rebuild.
const historyPage = 1000

// Rebuilt is the outcome of folding a stream's events again.
type Rebuilt[S any] struct {
	State   S
	Version int64
	// Published are the versions of which a record went out, ascending, and
	// AtPublished is the state at the last of them.
	Published   []int64
	AtPublished S
	LastEvent   string
	// LastPublished is the type of the event at the last published version, and
	// PublishedMeta its metadata.
	LastPublished string
	PublishedMeta eventstore.Meta
}

// Rebuild folds the events of a stream from the first on. It writes nothing and
// creates no effects.
func (d *Definition[S, O, E]) Rebuild(ctx context.Context, r eventstore.Reader, id string) (Rebuilt[S], error) {
	var out Rebuilt[S]
	stream := d.StreamID(id)
	for {
		page, err := r.History(ctx, stream, out.Version, historyPage)
		if err != nil {
			return out, err
		}
		for _, stored := range page {
			if stored.Version != out.Version+1 {
				return out, fmt.Errorf("rebuild %s: version %d follows %d", stream, stored.Version, out.Version)
			}
			event, err := d.Decode(stored.Type, stored.Schema, stored.Data)
			if err != nil {
				return out, fmt.Errorf("rebuild %s at %d: %w", stream, stored.Version, err)
			}
			out.State = d.Evolve(out.State, event)
			out.Version, out.LastEvent = stored.Version, stored.Type
			if stored.Published {
				out.Published = append(out.Published, stored.Version)
				out.AtPublished, out.LastPublished, out.PublishedMeta = out.State, stored.Type, stored.Meta
			}
		}
		if len(page) < historyPage {
			return out, nil
		}
	}
}

// Verify rebuilds a stream and compares it with its row, byte for byte. It
// returns the rebuilt state and a description of the difference, or "" if there
// is none.
func (d *Definition[S, O, E]) Verify(ctx context.Context, r eventstore.Reader, row eventstore.Stream) (Rebuilt[S], string, error) {
	built, err := d.Rebuild(ctx, r, row.ID.ID)
	if err != nil {
		return built, "", err
	}
	if built.Version != row.Version {
		return built, fmt.Sprintf("row is at version %d, events end at %d", row.Version, built.Version), nil
	}
	if built.Version == 0 {
		return built, "", nil
	}
	encoded, err := json.Marshal(built.State)
	if err != nil {
		return built, "", err
	}
	if !bytes.Equal(encoded, row.State) {
		return built, fmt.Sprintf("state row differs from the events at version %d", row.Version), nil
	}
	if n := len(built.Published); n > 0 && built.Published[n-1] != row.Published || n == 0 && row.Published != 0 {
		return built, fmt.Sprintf("row says version %d was published, events say %v", row.Published, built.Published), nil
	}
	return built, "", nil
}
