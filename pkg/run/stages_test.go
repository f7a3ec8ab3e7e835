package run_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/run"
)

// journal records in which order tasks stopped.
type journal struct {
	mu      sync.Mutex
	entries []string
}

func (j *journal) add(entry string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, entry)
}

// task records "name told" when it is told to stop and "name gone" when it
// returns, after its drain time.
func (j *journal) task(name string, drain time.Duration) run.Task {
	return run.Task{Name: name, Run: func(ctx context.Context) error {
		<-ctx.Done()
		j.add(name + " told")
		<-time.After(drain)
		j.add(name + " gone")
		return ctx.Err()
	}}
}

var serviceStops = []string{"http told", "http gone", "inbox told", "inbox gone", "relay told", "relay gone", "store gone"}

func (j *journal) service() []run.Stage {
	return []run.Stage{
		{j.task("http", time.Second)},
		{j.task("inbox", time.Second)},
		{j.task("relay", time.Second)},
		{run.OnStop("store", func() error { j.add("store gone"); return nil })},
	}
}

func TestStages_StopInOrderWhenCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var j journal
		if err := run.Stages(ctx, j.service()...); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(j.entries, serviceStops) {
			t.Fatalf("got %q, want %q", j.entries, serviceStops)
		}
	})
}

func TestStages_StopInOrderWhenALaterStageFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		stages := j.service()
		stages[2] = append(stages[2], run.Task{Name: "lease", Run: func(context.Context) error {
			<-time.After(time.Minute)
			return errBroken
		}})
		err := run.Stages(t.Context(), stages...)
		if err == nil || err.Error() != "lease: broken" {
			t.Fatalf("got %v, want lease: broken", err)
		}
		if !slices.Equal(j.entries, serviceStops) {
			t.Fatalf("got %q, want %q", j.entries, serviceStops)
		}
	})
}

func TestStages_StopWhenTheFirstStageIsDone(t *testing.T) {
	var j journal
	err := run.Stages(t.Context(),
		run.Stage{{Name: "replay", Run: func(context.Context) error { j.add("replay done"); return nil }}},
		run.Stage{run.OnStop("store", func() error { j.add("store gone"); return nil })},
	)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"replay done", "store gone"}; !slices.Equal(j.entries, want) {
		t.Fatalf("got %q, want %q", j.entries, want)
	}
}

func TestStages_KeepTheContextsValues(t *testing.T) {
	type key struct{}
	var seen any
	err := run.Stages(context.WithValue(t.Context(), key{}, "murmur"), run.Stage{
		{Name: "probe", Run: func(ctx context.Context) error { seen = ctx.Value(key{}); return nil }},
	})
	if err != nil || seen != "murmur" {
		t.Fatalf("err %v, value %v", err, seen)
	}
}

func TestStages_JoinTheErrorsOfStopping(t *testing.T) {
	flush := errors.New("could not flush")
	err := run.Stages(t.Context(),
		run.Stage{{Name: "http", Run: func(context.Context) error { return errBroken }}},
		run.Stage{run.OnStop("store", func() error { return flush })},
	)
	if want := "http: broken\nstore: could not flush"; err == nil || err.Error() != want {
		t.Fatalf("got %v, want %s", err, want)
	}
}

func TestStages_NoneIsDoneAtOnce(t *testing.T) {
	if err := run.Stages(t.Context()); err != nil {
		t.Fatal(err)
	}
}
