package kafka

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
)

// abortFilter decides batch by batch, in offset order, what a reader may see.
//
// For ReadCommitted the broker names the aborted transactions that overlap a
// response. A producer's records are dropped from the first offset of such a
// transaction to its abort marker; the same producer's next transaction is
// judged by its own entry. Bytes of aborted data are never inflated.
type abortFilter struct {
	committed bool
	pending   []abortedTxn // by first offset
	aborting  map[int64]struct{}
}

func newAbortFilter(iso Isolation, aborted []abortedTxn) *abortFilter {
	f := &abortFilter{committed: iso == ReadCommitted}
	if f.committed && len(aborted) > 0 {
		f.pending = slices.SortedFunc(slices.Values(aborted), func(a, b abortedTxn) int {
			return cmp.Compare(a.first, b.first)
		})
		f.aborting = make(map[int64]struct{}, len(aborted))
	}
	return f
}

// admit reports whether b's records are for the reader. Control batches never
// are, whatever the isolation.
func (f *abortFilter) admit(b rawBatch) (bool, error) {
	for len(f.pending) > 0 && f.pending[0].first <= b.last {
		f.aborting[f.pending[0].producerID] = struct{}{}
		f.pending = f.pending[1:]
	}
	if b.control() {
		// Compaction can leave the header of a marker whose record is gone.
		if !f.committed || b.count == 0 {
			return false, nil
		}
		abort, err := isAbortMarker(b)
		if abort {
			delete(f.aborting, b.producerID)
		}
		return false, err
	}
	if !f.committed || !b.transactional() {
		return true, nil
	}
	_, aborted := f.aborting[b.producerID]
	return !aborted, nil
}

var errMarker = errors.New("unreadable control record")

// isAbortMarker reads the type in a control record's key: 0 is an abort. Types
// other than abort and commit are not about transactions.
func isAbortMarker(b rawBatch) (bool, error) {
	body, err := b.inflated()
	if err != nil {
		return false, err
	}
	d := varDecoder{b: body}
	r := varDecoder{b: d.take(d.varint())}
	r.take(1)
	r.varint()
	r.varint()
	key := r.nullable()
	if d.bad || r.bad || len(key) < 4 {
		return false, errMarker
	}
	return binary.BigEndian.Uint16(key[2:]) == 0, nil
}
