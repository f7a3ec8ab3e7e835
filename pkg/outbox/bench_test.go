package outbox_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/outbox"
)

// BenchmarkRelay_Drain is the rate at which a full outbox in SQLite gets into an
// embedded cluster, in transactions of the default size.
func BenchmarkRelay_Drain(b *testing.B) {
	const perUnit = 200
	bench := newBench(b)
	for unit := range (b.N + perUnit - 1) / perUnit {
		streams := make([]string, min(perUnit, b.N-unit*perUnit))
		for i := range streams {
			streams[i] = fmt.Sprintf("order-%08d", unit*perUnit+i)
		}
		if err := bench.commit(streams...); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	relay := run(bench.relay(bench.config(), bench.store, bench.log()))
	bench.drained()
	b.StopTimer()
	if err := relay.stop(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkRelay_Latency is the time from a commit in the database to the
// acknowledged commit in Kafka, one row at a time.
func BenchmarkRelay_Latency(b *testing.B) {
	bench := newBench(b)
	log := &committing{Log: bench.log(), committed: make(chan struct{}, 1)}
	cfg := bench.config()
	cfg.Pace = time.Microsecond // or it would be the pace that is measured
	relay := run(bench.relay(cfg, bench.store, log))
	for b.Loop() {
		if err := bench.commit("order-1"); err != nil {
			b.Fatal(err)
		}
		<-log.committed
	}
	if err := relay.stop(); err != nil {
		b.Fatal(err)
	}
}

// committing tells when a transaction was committed.
type committing struct {
	outbox.Log
	committed chan struct{}
}

func (l *committing) Begin(ctx context.Context) (outbox.Txn, error) {
	txn, err := l.Log.Begin(ctx)
	return committingTxn{txn, l.committed}, err
}

type committingTxn struct {
	outbox.Txn
	committed chan struct{}
}

func (t committingTxn) Commit(ctx context.Context) error {
	err := t.Txn.Commit(ctx)
	if err == nil {
		t.committed <- struct{}{}
	}
	return err
}
