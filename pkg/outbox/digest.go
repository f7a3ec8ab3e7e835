package outbox

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// digestBytes of a SHA-256 are kept: enough that two batches never share them.
const digestBytes = 16

// digest identifies what a batch publishes: its rows in order, each with its name
// and the whole of its record.
func digest(names []eventstore.RowID, records []eventstore.Record) string {
	h := sha256.New()
	for i := range names {
		part(h, names[i].Stream.Kind, names[i].Stream.ID)
		number(h, uint64(names[i].Version))
		r := &records[i]
		part(h, r.Topic, r.Key, string(r.Value))
		if r.Value == nil {
			number(h, 1) // a tombstone is not an empty value
		}
		number(h, uint64(len(r.Headers)))
		for _, header := range r.Headers {
			part(h, header.Key, header.Value)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:digestBytes])
}

// part adds texts with their lengths, so that no two lists look alike.
func part(h hash.Hash, texts ...string) {
	for _, t := range texts {
		number(h, uint64(len(t)))
		_, _ = h.Write([]byte(t)) // a hash never fails
	}
}

func number(h hash.Hash, n uint64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	_, _ = h.Write(b[:])
}

// unchanged tells whether the rows that a position names are all in the outbox,
// with the records that were published. If not, the database was set back and
// has gone another way since: deleting them would lose what is there now.
func (s *session) unchanged(ctx context.Context, p Position) (bool, error) {
	place := make(map[eventstore.RowID]int, len(p.Rows))
	for i, name := range p.Rows {
		place[name] = i
	}
	records := make([]eventstore.Record, len(p.Rows))
	missing := len(place)
	for after := int64(0); missing > 0; {
		rows, err := s.deps.Store.Pending(ctx, after, s.cfg.BatchRows, s.cfg.BatchBytes)
		if err != nil {
			return false, fmt.Errorf("read the rows of batch %d: %w", p.Batch, err)
		}
		if len(rows) == 0 {
			return false, nil
		}
		for i := range rows {
			if at, named := place[rows[i].RowID]; named {
				records[at] = rows[i].Record
				missing--
			}
		}
		after = rows[len(rows)-1].Seq
	}
	return digest(p.Rows, records) == p.Digest, nil
}
