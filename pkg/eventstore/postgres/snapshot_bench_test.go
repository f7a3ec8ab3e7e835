package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres"
)

// A snapshot that is held for minutes, such as a backup's, keeps every dead row:
// those of the outbox, and the old versions of the rows that every batch rewrites.
// One iteration publishes the batches that a relay makes in minutes; what is
// reported is how much longer the last of them take than the first ones.
func BenchmarkOutbox_UnderAnOldSnapshot(b *testing.B) {
	for _, c := range []struct{ batches, rows int }{{6000, 5}, {150, 2000}} {
		for name, held := range map[string]bool{"free": false, "held": true} {
			b.Run(fmt.Sprintf("%d×%d/%s", c.batches, c.rows, name), func(b *testing.B) {
				for range b.N {
					publishUnderSnapshot(b, c.batches, c.rows, held)
				}
			})
		}
	}
}

// publishUnderSnapshot reports the rate of the first and of the last tenth of the
// batches.
func publishUnderSnapshot(b *testing.B, batches, rows int, held bool) {
	b.Helper()
	url := newDatabase(b)
	s := openAt(b, url)
	if held {
		reader := connect(b, url)
		for _, sql := range []string{`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`, `SELECT 1`} {
			_, err := reader.conn.Exec(b.Context(), sql)
			check(b, err)
		}
	}
	relay := oneRelay{b: b, store: s}
	tenth := batches / 10
	var first, last time.Duration
	for i := range batches {
		check(b, grow(b.Context(), s, manyIDs(i, rows)...))
		took := relay.publish(rows)
		switch {
		case i < tenth:
			first += took
		case i >= batches-tenth:
			last += took
		}
	}
	perBatch := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(tenth) }
	b.ReportMetric(perBatch(first), "µs/batch-at-first")
	b.ReportMetric(perBatch(last), "µs/batch-at-last")
	b.ReportMetric(float64(last)/float64(first), "times-slower")
}

// oneRelay does to the database what a relay does.
type oneRelay struct {
	b     *testing.B
	store *postgres.Store
	after int64
	state eventstore.RelayState
	lease eventstore.LeaseState
}

// publish publishes one batch and returns how long the database took.
func (r *oneRelay) publish(want int) time.Duration {
	ctx, begun := r.b.Context(), time.Now()
	mark, err := r.store.SafeMark(ctx)
	check(r.b, err)
	rows, err := r.store.Pending(ctx, r.after, 2*want, 1<<30)
	check(r.b, err)
	if len(rows) != want {
		r.b.Fatalf("%d rows wait after %d, want %d", len(rows), r.after, want)
	}
	stored, err := r.store.RelayState(ctx, "relay")
	check(r.b, err)
	if stored.Batch != r.state.Batch {
		r.b.Fatalf("batch %d, want %d", stored.Batch, r.state.Batch)
	}
	r.state.Batch++
	check(r.b, r.store.Published(ctx, "relay", names(rows), r.state))
	r.lease, err = r.store.SwapLease(ctx, "relay", r.lease, "me")
	check(r.b, err)
	r.after = max(r.after, min(mark, rows[len(rows)-1].Seq))
	return time.Since(begun)
}
