package postgres

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
)

// maxCandidates bounds the sequences that wait to become safe. When there are
// more, the newest is dropped: those before it become safe sooner.
const maxCandidates = 64

// marks finds sequences below which no row can appear any more.
//
// A row takes its sequence before its transaction commits, so a low one can
// appear after a high one. A transaction that will show a sequence up to the
// last one handed out has its transaction id before it asks for the sequence,
// since the unit locks its stream first. So: read the last sequence, then the
// next transaction id; once every transaction below that id has ended, which
// is when a snapshot's xmin has reached it, the sequence is safe. Transactions
// that only read have no id, and hold nothing back.
type marks struct {
	mu         sync.Mutex
	server     string // which the rest is about
	safe       int64
	candidates []candidate // ascending
}

// candidate is a sequence that becomes safe when all transactions below next
// have ended.
type candidate struct{ seq, next int64 }

const (
	lastSeqSQL = `SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM outbox_seq_seq`
	// A statement of its own: its snapshot must be younger than the sequence.
	snapshotSQL = `SELECT pg_snapshot_xmin(now)::text::bigint, pg_snapshot_xmax(now)::text::bigint,
		pg_postmaster_start_time()::text FROM pg_current_snapshot() AS now`
)

// SafeMark returns a sequence such that a scan which starts after the call sees
// every row at or below it that will ever become visible.
func (s *Store) SafeMark(ctx context.Context) (int64, error) {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	s.marks.mu.Lock()
	defer s.marks.mu.Unlock()
	var last, oldest, next int64
	var server string
	b := new(pgx.Batch)
	b.Queue(lastSeqSQL).QueryRow(func(r pgx.Row) error { return r.Scan(&last) })
	b.Queue(snapshotSQL).QueryRow(func(r pgx.Row) error { return r.Scan(&oldest, &next, &server) })
	if err := s.reads.SendBatch(ctx, b).Close(); err != nil {
		return 0, fmt.Errorf("read the last sequence of the outbox: %w", failure(ctx, err))
	}
	return s.marks.advance(server, last, oldest, next), nil
}

// advance takes one observation: the last sequence, and of a snapshot taken
// after it the oldest transaction still open and the next one to come.
func (m *marks) advance(server string, last, oldest, next int64) int64 {
	if server != m.server || last < m.safe {
		// Another server took over, or this one was restored: it counts anew.
		m.server, m.safe, m.candidates = server, 0, nil
	}
	if n := len(m.candidates); n == maxCandidates {
		m.candidates = m.candidates[:n-1]
	}
	m.candidates = append(m.candidates, candidate{last, next})
	done := 0
	for _, c := range m.candidates {
		if c.next > oldest {
			break
		}
		m.safe = max(m.safe, c.seq)
		done++
	}
	m.candidates = append(m.candidates[:0], m.candidates[done:]...)
	return m.safe
}
