package sqlite_test

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/sqlite"
)

// Readers that overlap keep the log from starting over by itself.
func TestCheckpoint_BoundsTheLogBesideReaders(t *testing.T) {
	s := openStore(t)
	const limit = 400
	sqlite.LimitWAL(s, limit)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for ctx.Err() == nil {
				_ = s.Query(ctx, `SELECT id FROM events LIMIT 500`, nil, func(eventstore.Row) error { return nil })
			}
		})
	}
	largest := int64(0)
	for i := range 25 {
		commitChanges(t, s, manyIDs(i, 50))
		info, err := os.Stat(sqlite.Path(s) + "-wal")
		check(t, err)
		largest = max(largest, info.Size())
	}
	cancel()
	wg.Wait()
	const frame = 4096 + 24
	if largest > 3*limit*frame {
		t.Errorf("the log grew to %d bytes, want about %d", largest, limit*frame)
	}
	if largest < limit*frame/2 {
		t.Errorf("the log only grew to %d bytes: nothing was proved", largest)
	}
}

// A reader that stays keeps the log, and must not keep the writers.
func TestCheckpoint_DoesNotWaitLongForAReaderThatStays(t *testing.T) {
	s := openStore(t)
	sqlite.LimitWAL(s, 100)
	commitChanges(t, s, manyIDs(0, 10))
	reading, leave, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		var once sync.Once
		done <- s.Query(t.Context(), `SELECT id FROM events`, nil, func(eventstore.Row) error {
			once.Do(func() { close(reading); <-leave })
			return nil
		})
	}()
	<-reading
	started := time.Now()
	for i := range 10 {
		commitChanges(t, s, manyIDs(i+1, 50))
	}
	took := time.Since(started)
	close(leave)
	check(t, <-done)
	if limit := 5 * time.Second; took > limit { // what every lock may take
		t.Errorf("10 units took %s beside a reader", took)
	}
	timeout, err := sqlite.ExecOnWriter(s, `PRAGMA busy_timeout`)
	check(t, err)
	if timeout != 5000 {
		t.Errorf("the writer waits %d ms for locks afterwards", timeout)
	}
}
