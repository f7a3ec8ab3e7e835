package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres"
)

// Hazard: A takes a low sequence and stays open, B's higher one is published;
// a relay that goes on behind B's never sees A's row.
func TestSafeMark_StaysBelowARowThatAppearsLate(t *testing.T) {
	ctx := within(t)
	url, application := named(t, newDatabase(t))
	s := openAt(t, url)
	other := connect(t, newName(t, url))
	other.exec(`BEGIN`)
	other.exec(`INSERT INTO totals (id, amount) VALUES ('a', 1)`)
	late := make(chan error, 1)
	go func() { late <- growWith(ctx, s, []eventstore.Statement{total("a", 2)}, order("late")) }()
	watch := connect(t, newName(t, url))
	eventually(t, "the late unit has its sequence, and waits", func() bool { return watch.waiting(application) == 1 })

	check(t, grow(ctx, s, order("early")))
	rows, err := s.Pending(ctx, 0, 10, 1<<20)
	check(t, err)
	if len(rows) != 1 || rows[0].Stream != order("early") || rows[0].Seq < 2 {
		t.Fatalf("pending %v, want the early row alone, with the second sequence", rows)
	}
	for range 3 {
		mark, err := s.SafeMark(ctx)
		check(t, err)
		if mark >= rows[0].Seq-1 {
			t.Fatalf("the mark is %d while the row at %d can still appear", mark, rows[0].Seq-1)
		}
	}
	other.exec(`COMMIT`)
	check(t, <-late)
	mark, err := s.SafeMark(ctx)
	check(t, err)
	if mark != rows[0].Seq {
		t.Errorf("the mark is %d after all have ended, want %d", mark, rows[0].Seq)
	}
}

func TestSafeMark_IsNotHeldBackByReaders(t *testing.T) {
	ctx := within(t)
	url := newDatabase(t)
	s := openAt(t, url)
	check(t, grow(ctx, s, order("1")))
	reader := connect(t, url)
	reader.exec(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`)
	reader.number(`SELECT count(*) FROM outbox`)
	for range 3 {
		check(t, grow(ctx, s, order("1")))
		rows, err := s.Pending(ctx, 0, 10, 1<<20)
		check(t, err)
		mark, err := s.SafeMark(ctx)
		check(t, err)
		if last := rows[len(rows)-1].Seq; mark != last {
			t.Fatalf("the mark is %d beside a reader, want %d", mark, last)
		}
	}
}

// A relay that only ever scans behind its mark finds every row, while units
// hold their sequences for longer or shorter.
func TestSafeMark_LosesNoRowToARelayThatStartsBehindIt(t *testing.T) {
	ctx := within(t)
	s := openStore(t)
	const writers, rounds = 8, 30
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	var wg sync.WaitGroup
	errs := make(chan error, writers)
	for w := range writers {
		random := rand.New(rand.NewPCG(seed, uint64(w)))
		wg.Go(func() {
			for r := range rounds {
				hold := eventstore.Statement{SQL: fmt.Sprintf(`SELECT pg_sleep(%f)`, random.Float64()/50)}
				if err := growWith(ctx, s, []eventstore.Statement{hold}, order(fmt.Sprintf("%d-%d", w, r))); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	published, behind := followMarks(ctx, t, s, done)
	close(errs)
	check(t, errors.Join(drain(errs)...))
	if published != writers*rounds {
		t.Errorf("%d rows were found, want %d", published, writers*rounds)
	}
	if behind == 0 {
		t.Error("no row appeared below one that was published: nothing was proved")
	}
}

// followMarks publishes until done, always from behind the mark, and returns
// how many rows there were, and how many appeared below one before.
func followMarks(ctx context.Context, t *testing.T, s *postgres.Store, done <-chan struct{}) (published, behind int) {
	t.Helper()
	var state eventstore.RelayState
	after, highest := int64(0), int64(0)
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		mark, err := s.SafeMark(ctx)
		check(t, err)
		rows, err := s.Pending(ctx, after, 1000, 1<<20)
		check(t, err)
		names := make([]eventstore.RowID, len(rows))
		last := after
		for i, r := range rows {
			names[i], last = r.RowID, r.Seq
			if r.Seq < highest {
				behind++
			}
		}
		highest = max(highest, last)
		state.Batch++
		check(t, s.Published(ctx, "relay", names, state))
		published += len(rows)
		after = max(after, min(mark, last))
	}
	return published, behind
}

func drain(c <-chan error) (all []error) {
	for err := range c {
		all = append(all, err)
	}
	return all
}

// An old snapshot, such as that of a backup, keeps every deleted row. A scan
// from the start walks over them all; one from the mark does not.
func BenchmarkPending_UnderAnOldSnapshot(b *testing.B) {
	const dead, batch = 50_000, 1000
	url := newDatabase(b)
	s := openAt(b, url)
	conn, err := pgx.Connect(b.Context(), url)
	check(b, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(b.Context(), `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`)
	check(b, err)
	_, err = conn.Exec(b.Context(), `SELECT 1`)
	check(b, err)
	var state eventstore.RelayState
	mark := int64(0)
	for i := range dead / batch {
		check(b, grow(b.Context(), s, manyIDs(i, batch)...))
		rows, err := s.Pending(b.Context(), mark, batch, 1<<30)
		check(b, err)
		state.Batch++
		check(b, s.Published(b.Context(), "relay", names(rows), state))
		mark, err = s.SafeMark(b.Context())
		check(b, err)
	}
	check(b, grow(b.Context(), s, order("alive")))
	scan := func(after int64) time.Duration {
		started := time.Now()
		rows, err := s.Pending(b.Context(), after, batch, 1<<20)
		check(b, err)
		if len(rows) != 1 {
			b.Fatalf("%d rows after %d", len(rows), after)
		}
		return time.Since(started)
	}
	var fromStart, fromMark time.Duration
	for b.Loop() {
		fromStart += scan(0)
		fromMark += scan(mark)
	}
	b.ReportMetric(fromStart.Seconds()*1e6/float64(b.N), "µs/scan-from-start")
	b.ReportMetric(fromMark.Seconds()*1e6/float64(b.N), "µs/scan-from-mark")
	b.ReportMetric(float64(fromStart)/float64(fromMark), "times-slower-from-start")
}

func names(rows []eventstore.OutboxRow) []eventstore.RowID {
	ids := make([]eventstore.RowID, len(rows))
	for i, r := range rows {
		ids[i] = r.RowID
	}
	return ids
}
