package outbox

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// digestBytes of a SHA-256 are kept: enough that two batches never share them.
const digestBytes = 16

// digest identifies what a batch publishes: its rows in order, each with its name
// and the whole of its record. Texts have their lengths before them, so that no
// two lists look alike.
func digest(names []eventstore.RowID, records []eventstore.Record) string {
	h := sha256.New()
	var row []byte // of one row: one write each
	for i := range names {
		row = text(row[:0], names[i].Stream.Kind)
		row = text(row, names[i].Stream.ID)
		row = number(row, uint64(names[i].Version))
		r := &records[i]
		row = text(row, r.Topic)
		row = text(row, r.Key)
		row = append(number(row, uint64(len(r.Value))), r.Value...)
		if r.Value == nil {
			row = number(row, 1) // a tombstone is not an empty value
		}
		row = number(row, uint64(len(r.Headers)))
		for _, header := range r.Headers {
			row = text(row, header.Key)
			row = text(row, header.Value)
		}
		_, _ = h.Write(row) // a hash never fails
	}
	return hex.EncodeToString(h.Sum(nil)[:digestBytes])
}

func text(b []byte, t string) []byte { return append(number(b, uint64(len(t))), t...) }

func number(b []byte, n uint64) []byte { return binary.BigEndian.AppendUint64(b, n) }

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
