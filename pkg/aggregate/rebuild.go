package aggregate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// historyPage bounds one read of events during a rebuild.
const historyPage = 1000

// Rebuilt is the outcome of folding a stream's events again.
type Rebuilt[S any] struct {
	State   S
	Version int64
	// Published are the versions of which a record went out, ascending.
	Published []int64
	// Last is the transition that the last record was made of; its Before is not
	// known.
	Last Transition[S]
}

// HistoryError says that the events of a stream cannot be folded: one is missing
// or cannot be read.
type HistoryError struct {
	Stream  eventstore.StreamID
	Version int64
	Err     error
}

func (e *HistoryError) Error() string {
	return fmt.Sprintf("rebuild %s at %d: %v", e.Stream, e.Version, e.Err)
}

// Unwrap returns the cause.
func (e *HistoryError) Unwrap() error { return e.Err }

// Rebuild folds the events of a stream from the first on. It writes nothing and
// creates no effects. It fails with a *HistoryError, or as the store does.
func (d *Definition[S, O, E]) Rebuild(ctx context.Context, r eventstore.Reader, id string) (Rebuilt[S], error) {
	return d.rebuild(ctx, r, id, math.MaxInt64)
}

// rebuild folds the events up to a version.
func (d *Definition[S, O, E]) rebuild(ctx context.Context, r eventstore.Reader, id string, last int64) (Rebuilt[S], error) {
	var out Rebuilt[S]
	stream := d.StreamID(id)
	for {
		page, err := r.History(ctx, stream, out.Version, historyPage)
		if err != nil {
			return out, err
		}
		for _, stored := range page {
			if stored.Version != out.Version+1 {
				return out, &HistoryError{stream, stored.Version, fmt.Errorf("it follows version %d", out.Version)}
			}
			if stored.Version > last {
				return out, nil
			}
			if err := d.fold(&out, stored); err != nil {
				return out, &HistoryError{stream, stored.Version, err}
			}
			out.Version = stored.Version
			if stored.Published {
				out.Published = append(out.Published, stored.Version)
				out.Last = Transition[S]{Stream: stream, Version: stored.Version, After: out.State, EventType: stored.Type, Meta: stored.Meta}
			}
		}
		if len(page) < historyPage {
			return out, nil
		}
	}
}

// Inspection is what an audit learns of one stream: what its events say, and
// whether its row agrees.
type Inspection struct {
	Kind    string `json:"kind"`
	ID      string `json:"id"`
	Version int64  `json:"version"`
	// Published are the versions of which a record must be in the log.
	Published []int64 `json:"published"`
	// Record is what the last of these records must say, rebuilt from events.
	Record any `json:"record,omitempty"`
	// State is the rebuilt state, Observed what the row says it has seen.
	State    any             `json:"state,omitempty"`
	Observed json.RawMessage `json:"observed,omitempty"`
	// Fault says how row and events differ; empty when they agree.
	Fault string `json:"fault,omitempty"`
}

// Inspector is a Definition of any types.
type Inspector interface {
	// KindName is the kind of the streams that Inspect understands.
	KindName() string
	// Inspect rebuilds the stream of a row and compares, byte for byte.
	Inspect(ctx context.Context, r eventstore.Reader, row eventstore.Stream) (Inspection, error)
}

// KindName implements Inspector.
func (d *Definition[S, O, E]) KindName() string { return d.Kind }

// maxLooks bounds how often Inspect looks again at a stream that is written
// meanwhile: row and history are two reads.
const maxLooks = 8

// Inspect implements Inspector. Events that cannot be read are a fault of the
// stream; a store that cannot be read is an error.
func (d *Definition[S, O, E]) Inspect(ctx context.Context, r eventstore.Reader, row eventstore.Stream) (Inspection, error) {
	built, err := d.Rebuild(ctx, r, row.ID.ID)
	for looks := 1; err == nil && built.Version != row.Version && looks < maxLooks; looks++ {
		if row, err = r.Stream(ctx, row.ID); err == nil && row.Version != built.Version {
			built, err = d.Rebuild(ctx, r, row.ID.ID)
		}
	}
	out := Inspection{Kind: row.ID.Kind, ID: row.ID.ID, Version: row.Version, Observed: row.Observed}
	var fault *HistoryError
	if errors.As(err, &fault) {
		out.Fault = fault.Error()
		return out, nil
	}
	if err != nil {
		return out, err
	}
	out.Published = built.Published
	if built.Version > 0 {
		out.State = built.State
	}
	if len(built.Published) > 0 && d.Show != nil {
		out.Record = d.Show(built.Last)
	}
	out.Fault, err = difference(row, built)
	return out, err
}

func difference[S any](row eventstore.Stream, built Rebuilt[S]) (string, error) {
	if built.Version != row.Version {
		return fmt.Sprintf("row is at version %d, events end at %d", row.Version, built.Version), nil
	}
	var published int64
	if n := len(built.Published); n > 0 {
		published = built.Published[n-1]
	}
	if published != row.Published {
		return fmt.Sprintf("row says that version %d was published last, events say %d", row.Published, published), nil
	}
	if built.Version == 0 {
		return "", nil
	}
	encoded, err := json.Marshal(built.State)
	if err != nil {
		return "", fmt.Errorf("encode state of %s: %w", row.ID, err)
	}
	if !bytes.Equal(encoded, row.State) {
		return fmt.Sprintf("state row differs from what the events give at version %d", row.Version), nil
	}
	return "", nil
}
