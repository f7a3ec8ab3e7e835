package eventstoretest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

var lifeCases = []testCase{
	{"ClosedStoreRefuses", testClosed},
	{"CloseWhileBusyLosesNothing", testCloseWhileBusy},
}

func testClosed(t *testing.T, h Harness) {
	ctx := within(t)
	check(t, h.Store.Ready(ctx))
	check(t, h.Store.Close())
	check(t, h.Store.Close())
	if err := h.Store.Ready(ctx); err == nil {
		t.Fatal("a closed store is ready")
	}
	if err := grow(ctx, h.Store, order("1")); err == nil {
		t.Fatal("a closed store took a unit")
	}
	if _, err := h.Store.Stream(ctx, order("1")); err == nil {
		t.Fatal("a closed store could be read")
	}
	check(t, h.Reopen(t).Ready(ctx))
}

func testCloseWhileBusy(t *testing.T, h Harness) {
	ctx := within(t)
	const workers = 8
	var acknowledged, failures [workers]int64
	var running atomic.Int64
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				err := grow(ctx, h.Store, order(fmt.Sprint(w)))
				if errors.Is(err, eventstore.ErrOutcomeUnknown) {
					failures[w] = 1
				}
				if err != nil {
					return
				}
				acknowledged[w]++
				running.Add(1)
				_, err = h.Store.Stream(ctx, order(fmt.Sprint(w)))
				if err != nil {
					return
				}
			}
		})
	}
	eventually(t, "all workers busy", func() bool { return running.Load() > 20*workers })
	check(t, h.Store.Close())
	wg.Wait()
	check(t, ctx.Err())
	s := h.Reopen(t)
	for w := range workers {
		st, err := s.Stream(ctx, order(fmt.Sprint(w)))
		check(t, err)
		if st.Version < acknowledged[w] || st.Version > acknowledged[w]+failures[w] {
			t.Errorf("stream %d is at %d; %d commits were acknowledged, %d are unknown", w, st.Version, acknowledged[w], failures[w])
		}
		equal(t, "events", len(history(t, s, order(fmt.Sprint(w)), 1000)), int(st.Version))
	}
}
