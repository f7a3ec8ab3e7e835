package bench

import (
	"context"
	"errors"
	"math"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

func TestGenerator_MakesTheSameOrdersForTheSameSeed(t *testing.T) {
	a, b := NewGenerator(Real, "run", 7), NewGenerator(Real, "run", 7)
	for range 100 {
		if x, y := a.Next(), b.Next(); !reflect.DeepEqual(x, y) {
			t.Fatalf("%+v and %+v", x, y)
		}
	}
}

func TestGenerator_HasTheMeanLinesAndASkewedDemand(t *testing.T) {
	for _, shape := range []Shape{Small, Real} {
		g := NewGenerator(shape, "run", 1)
		const orders = 20_000
		lines, demand := 0, map[string]int{}
		for range orders {
			o := g.Next()
			lines += len(o.Lines)
			for _, l := range o.Lines {
				demand[l.SKU]++
				if l.Quantity < 1 || l.Amount < 1 {
					t.Fatalf("%+v", l)
				}
			}
		}
		if mean := float64(lines) / orders; math.Abs(mean-shape.MeanLines) > shape.MeanLines/20 {
			t.Errorf("%s: %.2f lines in the mean, want %.0f", shape.Name, mean, shape.MeanLines)
		}
		if first, hundredth := demand[SKU(0)], demand[SKU(100)]; first < 2*hundredth {
			t.Errorf("%s: the busiest SKU is asked for %d times, the hundredth %d times", shape.Name, first, hundredth)
		}
	}
}

func TestWatcher_CountsEachOrderOfItsRunOnce(t *testing.T) {
	w := &watcher{run: "run-1", want: 2, done: map[string]time.Time{}, all: make(chan struct{})}
	record := func(key, event string) kafka.Record {
		return kafka.Record{Key: []byte(key), Headers: []kafka.Header{{Key: aggregate.HeaderEventType, Value: []byte("com.murmuration.order." + event)}}}
	}
	now := time.Now()
	for _, r := range []kafka.Record{record("run-1-1", "Placed"), record("other", "Completed"), record("run-1-1", "Completed")} {
		w.see(r, now)
	}
	select {
	case <-w.all:
		t.Fatal("done after one of two")
	default:
	}
	w.see(record("run-1-2", "Cancelled"), now)
	<-w.all
	if len(w.done) != 1 || w.ended != 1 {
		t.Fatalf("%d completed, %d ended otherwise", len(w.done), w.ended)
	}
}

func TestResult_CountsFromWhenAnOrderWasDue(t *testing.T) {
	start := time.Now()
	s := &sending{start: start, last: start.Add(2 * time.Second), due: map[string]time.Time{"a": start}, accepted: map[string]time.Time{"a": start.Add(2 * time.Second)}}
	w := &watcher{done: map[string]time.Time{"a": start.Add(4 * time.Second)}, finished: start.Add(4 * time.Second)}
	r := result(Config{Shape: Small, Orders: 1}, s, w)
	if r.PerSecond != 0.25 || math.Abs(r.Accept.P50-2000) > 2 || math.Abs(r.Complete.P99-4000) > 4 {
		t.Fatalf("%+v", r)
	}
}

func TestEach_StopsAtTheFirstFailure(t *testing.T) {
	failure := errors.New("refused")
	var calls atomic.Int64
	err := each(t.Context(), 4, 1_000_000, func(context.Context, int) error {
		calls.Add(1)
		return failure
	})
	if !errors.Is(err, failure) || calls.Load() > 1000 {
		t.Fatalf("%v after %d calls", err, calls.Load())
	}
}
