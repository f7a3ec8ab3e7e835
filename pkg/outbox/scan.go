package outbox

import (
	"context"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// A batch is what one transaction publishes.
type batch struct {
	names       []eventstore.RowID
	records     []eventstore.Record
	bytes       int
	first, last int64 // lowest and highest sequence
	mark        int64 // low mark after this batch
	more        bool  // cut off by a bound: more rows wait
}

// mark is what the store said of where nothing can appear any more. It stays
// true, so it is asked for from time to time only.
type mark struct {
	safe      int64
	asked     time.Time
	published int // rows, since then
}

// view is what a scan sees.
type view struct {
	rows  []eventstore.OutboxRow
	limit int
	mark  mark
}

// scan takes the rows that wait, but for those which are published and not
// deleted yet.
//
// Sequences may become visible late: a row can appear below one that was
// published. So scans start at the beginning, or where the store says that
// nothing can appear any more. All rows of a stream are seen in order either
// way: a version is written after the one before was committed.
func (s *session) scan(ctx context.Context) (batch, error) {
	v, seen := s.arrived()
	if !seen {
		if time.Since(s.full) >= rescanEvery {
			s.after, s.full = 0, time.Now()
		}
		limit, bytes := s.room(s.after, s.undeleted)
		var err error
		v, err = retry(ctx, s.Relay, "read the outbox", func() (view, error) { return s.look(ctx, s.low, s.after, limit, bytes) })
		if err != nil {
			return batch{}, err
		}
	}
	s.low = v.mark
	b := s.assemble(v.rows)
	b.more = b.more || len(v.rows) >= v.limit
	b.mark = max(s.after, min(s.low.safe, b.last))
	return b, nil
}

// room is how much a scan from after must be able to see, so that what is
// published and not deleted does not fill it.
func (s *session) room(after int64, d *deletion) (rows, bytes int) {
	rows, bytes = s.cfg.BatchRows, s.cfg.BatchBytes
	if d != nil && d.last > after {
		rows, bytes = rows+len(d.names), bytes+d.bytes
	}
	return rows, bytes
}

// look reads rows above after. The mark must be of before the rows.
func (s *session) look(ctx context.Context, m mark, after int64, limit, bytes int) (view, error) {
	marker, marks := s.deps.Store.(SafeMarker)
	stale := m.asked.IsZero() || m.published > 0 && time.Since(m.asked) >= markEvery
	if marks && (stale || m.published >= max(1, s.cfg.BatchRows/2)) {
		asked := time.Now()
		safe, err := marker.SafeMark(ctx)
		if err != nil {
			return view{}, err
		}
		m = mark{safe: safe, asked: asked}
	}
	rows, err := s.deps.Store.Pending(ctx, after, limit, bytes)
	return view{rows: rows, limit: limit, mark: m}, err
}

// ahead is a look that is taken while a batch is being committed.
type ahead struct {
	done chan struct{}
	end  context.CancelFunc
	view view // after done, like err
	err  error
}

// lookAhead begins the look for the batch after b, whose rows are still there.
func (s *session) lookAhead(ctx context.Context, b batch, m mark) {
	if time.Since(s.full) >= rescanEvery {
		return // the next starts from the beginning
	}
	ctx, cancel := context.WithCancel(ctx)
	a := &ahead{done: make(chan struct{}), end: cancel}
	limit, bytes := s.cfg.BatchRows, s.cfg.BatchBytes
	if b.last > b.mark {
		limit, bytes = limit+len(b.names), bytes+b.bytes
	}
	s.ahead = a
	go func() {
		defer close(a.done)
		a.view, a.err = s.look(ctx, m, b.mark, limit, bytes)
	}()
}

// arrived returns what was seen ahead, if anything was. One that failed is
// forgotten: the next is repeated until it succeeds.
func (s *session) arrived() (view, bool) {
	a := s.ahead
	if a == nil {
		return view{}, false
	}
	s.ahead = nil
	<-a.done
	a.end()
	return a.view, a.err == nil
}

// assemble takes rows in the order of their sequences, up to the bounds.
func (s *session) assemble(rows []eventstore.OutboxRow) batch {
	b := batch{names: make([]eventstore.RowID, 0, len(rows)), records: make([]eventstore.Record, 0, len(rows))}
	named := 0
	for i := range rows {
		row := &rows[i]
		if s.undeleted.holds(row) {
			continue
		}
		const version = 10 // bytes of a long, at most
		name, size := len(row.Stream.Kind)+len(row.Stream.ID)+version, row.Record.Size()
		full := len(b.names) >= s.cfg.BatchRows || b.bytes+size > s.cfg.BatchBytes || named+name > maxNameBytes
		if full && len(b.names) > 0 {
			b.more = true
			break
		}
		if len(b.names) == 0 {
			b.first = row.Seq
		}
		b.names, b.records = append(b.names, row.RowID), append(b.records, row.Record)
		b.bytes, named, b.last = b.bytes+size, named+name, row.Seq
	}
	return b
}
