package sqlite_test

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/sqlite"
)

// recordBytes is a typical public state of an order.
const recordBytes = 300

func openStore(tb testing.TB) *sqlite.Store {
	tb.Helper()
	s, err := sqlite.Open(tb.Context(), sqlite.Config{Path: filepath.Join(tb.TempDir(), "store.db")})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// change is a first event with its state and a record.
func change(id eventstore.StreamID) eventstore.Change {
	return eventstore.Change{
		Stream: id,
		Events: []eventstore.NewEvent{{
			Type: "Placed", Schema: 1, Data: make([]byte, 200),
			Meta: eventstore.Meta{At: 1, Correlation: "c", Causation: "b", Traceparent: "00-1-2-01"},
		}},
		State: make([]byte, 200),
		Record: &eventstore.Record{
			Topic: "orders", Key: id.ID, Value: make([]byte, recordBytes),
			Headers: []eventstore.Header{
				{Key: "ce_id", Value: id.ID}, {Key: "ce_type", Value: "order.Placed"}, {Key: "version", Value: "1"},
			},
		},
	}
}

func commitChanges(tb testing.TB, s *sqlite.Store, ids []eventstore.StreamID) {
	tx, err := s.Begin(tb.Context())
	if err != nil {
		tb.Error(err)
		return
	}
	defer tx.Rollback()
	if _, err := tx.Load(tb.Context(), ids...); err != nil {
		tb.Error(err)
		return
	}
	u := eventstore.Unit{Changes: make([]eventstore.Change, len(ids))}
	for i, id := range ids {
		u.Changes[i] = change(id)
	}
	if err := tx.Commit(tb.Context(), u); err != nil {
		tb.Error(err)
	}
}

func benchmarkCommit(b *testing.B, clients int) {
	s := openStore(b)
	var n atomic.Int64
	b.SetParallelism((clients + 1) / 2) // two processors
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			commitChanges(b, s, []eventstore.StreamID{{Kind: "order", ID: fmt.Sprintf("%08x", n.Add(1)*2654435761&0xffffffff)}})
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "units/s")
}

func BenchmarkCommit_Parallel8(b *testing.B) { benchmarkCommit(b, 8) }

func BenchmarkCommit_Serial(b *testing.B) {
	s := openStore(b)
	for i := range b.N {
		commitChanges(b, s, []eventstore.StreamID{{Kind: "order", ID: fmt.Sprintf("%08x", uint32(i)*2654435761)}})
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "units/s")
}

func manyIDs(batch, n int) []eventstore.StreamID {
	ids := make([]eventstore.StreamID, n)
	for i := range ids {
		ids[i] = eventstore.StreamID{Kind: "order", ID: fmt.Sprintf("%08d-%04d", batch, i)}
	}
	return ids
}

func BenchmarkCommit_Batch1000(b *testing.B) {
	const batch = 1000
	s := openStore(b)
	b.ReportAllocs()
	for i := range b.N {
		commitChanges(b, s, manyIDs(i, batch))
	}
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "changes/s")
}

func BenchmarkPublished_1000(b *testing.B) {
	const batch = 1000
	s := openStore(b)
	for i := range b.N {
		commitChanges(b, s, manyIDs(i, batch))
	}
	b.ResetTimer()
	var last int64
	for i := range b.N {
		b.StopTimer()
		pending, err := s.Pending(b.Context(), last, batch, 1<<30)
		if err != nil || len(pending) != batch {
			b.Fatal(len(pending), err)
		}
		last = pending[batch-1].Seq
		rows := make([]eventstore.RowID, batch)
		for j := range pending {
			rows[j] = pending[j].RowID
		}
		b.StartTimer()
		if err := s.Published(b.Context(), "relay", rows, eventstore.RelayState{Batch: int64(i) + 1}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "rows/s")
}
