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
// since the unit locks its stream first. So: read the last sequence, then take
// a transaction id; once every transaction below that id has ended, which is
// when a snapshot's xmin has reached it, the sequence is safe. Transactions
// that only read have no id, and hold nothing back.
//
// The xmax of a snapshot would not do in place of an id of one's own: it is one
// above the highest id that has ended, and others above it may be under way.
type marks struct {
	mu         sync.Mutex
	server     string // which the rest is about
	safe       int64
	candidates []candidate // ascending
}

// candidate is a sequence that becomes safe when all transactions below id have
// ended.
type candidate struct{ seq, id int64 }

const (
	// lastSeqSQL takes an id only if there are new sequences, and after it has
	// read the last one.
	lastSeqSQL = `WITH sequence AS MATERIALIZED (
			SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END AS last FROM outbox_seq_seq)
		SELECT last, CASE WHEN last <> $1 THEN pg_current_xact_id()::text::bigint ELSE 0 END FROM sequence`
	snapshotSQL = `SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, pg_postmaster_start_time()::text`
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
	var last, id, oldest int64
	var server string
	b := new(pgx.Batch)
	b.Queue(lastSeqSQL, s.marks.newest()).QueryRow(func(r pgx.Row) error { return r.Scan(&last, &id) })
	b.Queue(snapshotSQL).QueryRow(func(r pgx.Row) error { return r.Scan(&oldest, &server) })
	if err := s.reads.SendBatch(ctx, b).Close(); err != nil {
		return 0, fmt.Errorf("read the last sequence of the outbox: %w", failure(ctx, err))
	}
	return s.marks.advance(server, last, id, oldest), nil
}

// newest is the last sequence that was read, if it counts.
func (m *marks) newest() int64 {
	if n := len(m.candidates); n > 0 {
		return m.candidates[n-1].seq
	}
	return m.safe
}

// advance takes one observation: the last sequence, a transaction id taken
// after it, or 0 if the sequence is that of newest, and of a snapshot taken
// after both the oldest transaction still under way.
func (m *marks) advance(server string, last, id, oldest int64) int64 {
	if server != m.server || last < m.safe {
		// Another server took over, or this one was restored: it counts anew.
		m.server, m.safe, m.candidates = server, 0, nil
	}
	if id != 0 {
		if n := len(m.candidates); n == maxCandidates {
			m.candidates = m.candidates[:n-1]
		}
		m.candidates = append(m.candidates, candidate{last, id})
	}
	done := 0
	for _, c := range m.candidates {
		if c.id > oldest {
			break
		}
		m.safe = max(m.safe, c.seq)
		done++
	}
	m.candidates = append(m.candidates[:0], m.candidates[done:]...)
	return m.safe
}
