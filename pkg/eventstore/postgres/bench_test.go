package postgres_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// The same units as those of the embedded store, so that the two compare.

func manyIDs(batch, n int) []eventstore.StreamID {
	ids := make([]eventstore.StreamID, n)
	for i := range ids {
		ids[i] = order(fmt.Sprintf("%08d-%04d", batch, i))
	}
	return ids
}

func scattered(n int64) eventstore.StreamID { return order(fmt.Sprintf("%08x", uint32(n*2654435761))) }

func benchmarkCommit(b *testing.B, clients int) {
	s := openStore(b)
	var n atomic.Int64
	b.SetParallelism((clients + 1) / 2) // two processors
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := grow(b.Context(), s, scattered(n.Add(1))); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "units/s")
}

func BenchmarkCommit_Parallel8(b *testing.B) { benchmarkCommit(b, 8) }

func BenchmarkCommit_Serial(b *testing.B) {
	s := openStore(b)
	b.ResetTimer()
	for i := range b.N {
		check(b, grow(b.Context(), s, scattered(int64(i))))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "units/s")
}

func BenchmarkCommit_Batch1000(b *testing.B) {
	const batch = 1000
	s := openStore(b)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		check(b, grow(b.Context(), s, manyIDs(i, batch)...))
	}
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "changes/s")
}

func BenchmarkPublished_1000(b *testing.B) {
	const batch = 1000
	s := openStore(b)
	for i := range b.N {
		check(b, grow(b.Context(), s, manyIDs(i, batch)...))
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
		b.StartTimer()
		check(b, s.Published(b.Context(), "relay", names(pending), eventstore.RelayState{Batch: int64(i) + 1}))
	}
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkPending_1000(b *testing.B) {
	const batch = 1000
	s := openStore(b)
	check(b, grow(b.Context(), s, manyIDs(0, batch)...))
	for b.Loop() {
		if rows, err := s.Pending(b.Context(), 0, batch, 1<<30); err != nil || len(rows) != batch {
			b.Fatal(len(rows), err)
		}
	}
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "rows/s")
}
