package eventstore

import (
	"cmp"
	"slices"
)

// StreamID names one stream of events: a kind of aggregate ("order", "stock")
// and the identity of one of them.
type StreamID struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
}

// String is "kind/id", for messages and logs.
func (s StreamID) String() string { return s.Kind + "/" + s.ID }

// Compare orders streams by kind, then by id, bytewise. All locks are taken in
// this order.
func (s StreamID) Compare(o StreamID) int {
	return cmp.Or(cmp.Compare(s.Kind, o.Kind), cmp.Compare(s.ID, o.ID))
}

// Stream is the current row of a stream.
type Stream struct {
	ID StreamID
	// Version is that of the last event; 0 when there is none yet.
	Version int64
	// Published is the version of the last record that was handed to the
	// outbox; 0 when there was none. Versions between Published and Version
	// changed nothing that others may see.
	Published int64
	// State is the canonical encoding of the folded events: a cache that a
	// rebuild reproduces byte for byte. Nil at version 0.
	State []byte
	// Observed is the canonical encoding of the latest foreign records seen for
	// this stream. It is not derived from the events and can be read again from
	// the compacted topics. Nil when nothing was observed.
	Observed []byte
}

// Event is one stored fact.
type Event struct {
	Stream  StreamID
	Version int64
	Type    string // past tense, e.g. "Placed"
	Schema  int    // version of the shape of Data, from 1
	Data    []byte // JSON
	Meta    Meta
	// Published tells that a record of exactly this version went to the outbox.
	Published bool
}

// Meta says when and because of what a fact came to be.
type Meta struct {
	// At is in microseconds since the Unix epoch, UTC.
	At int64 `json:"at"`
	// Correlation is the same for all that follows from one request of a client.
	Correlation string `json:"correlation,omitempty"`
	// Causation identifies the record, request or intent that led here.
	Causation string `json:"causation,omitempty"`
	// Traceparent is the W3C trace context of the work, or empty.
	Traceparent string `json:"traceparent,omitempty"`
}

// LockOrder checks that one unit of work takes its locks in one ascending
// order, over several calls of Load. The zero value is ready. Drivers use it;
// it is not safe for concurrent use.
type LockOrder struct {
	last StreamID
	held map[StreamID]struct{}
}

// Next returns the ids that are not held yet, sorted and without repetition.
// It fails with ErrLockOrder when one of them sorts before a stream that is
// held already.
func (l *LockOrder) Next(ids []StreamID) ([]StreamID, error) {
	if l.held == nil {
		l.held = make(map[StreamID]struct{}, len(ids))
	}
	fresh := make([]StreamID, 0, len(ids))
	for _, id := range ids {
		if _, ok := l.held[id]; !ok {
			fresh = append(fresh, id)
		}
	}
	slices.SortFunc(fresh, StreamID.Compare)
	fresh = slices.Compact(fresh)
	if len(fresh) == 0 {
		return nil, nil
	}
	if len(l.held) > 0 && fresh[0].Compare(l.last) < 0 {
		return nil, &LockOrderError{Asked: fresh[0], Held: l.last}
	}
	for _, id := range fresh {
		l.held[id] = struct{}{}
	}
	l.last = fresh[len(fresh)-1]
	return fresh, nil
}

// Held tells whether the unit has locked the stream.
func (l *LockOrder) Held(id StreamID) bool {
	_, ok := l.held[id]
	return ok
}
