package run_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/run"
)

var errBroken = errors.New("broken")

func untilStopped(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestAll_StopsTheOthersOnTheFirstError(t *testing.T) {
	err := run.All(t.Context(),
		run.Task{Name: "relay", Run: untilStopped},
		run.Task{Name: "inbox", Run: func(context.Context) error { return errBroken }},
	)
	if !errors.Is(err, errBroken) || err.Error() != "inbox: broken" {
		t.Fatalf("got %v, want inbox: broken", err)
	}
}

func TestAll_JoinsErrorsInTheOrderTheyOccurred(t *testing.T) {
	late := errors.New("could not flush")
	err := run.All(t.Context(),
		run.Task{Name: "relay", Run: func(ctx context.Context) error { <-ctx.Done(); return late }},
		run.Task{Name: "inbox", Run: func(context.Context) error { return errBroken }},
	)
	if want := "inbox: broken\nrelay: could not flush"; err == nil || err.Error() != want {
		t.Fatalf("got %v, want %s", err, want)
	}
}

func TestAll_IsNilWhenStoppedFromOutside(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run.All(ctx, run.Task{Name: "relay", Run: untilStopped}); err != nil {
		t.Fatalf("got %v, want nil", err)
	}
}

func TestAll_ReportsACancellationNobodyAskedFor(t *testing.T) {
	err := run.All(t.Context(), run.Task{Name: "relay", Run: func(context.Context) error { return context.Canceled }})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want the task's own context.Canceled", err)
	}
}

func TestAll_LeavesTheOthersRunningWhenATaskIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var survived bool
		err := run.All(t.Context(),
			run.Task{Name: "migrate", Run: func(context.Context) error { return nil }},
			run.Task{Name: "relay", Run: func(ctx context.Context) error {
				select {
				case <-ctx.Done():
				case <-time.After(time.Hour):
					survived = true
				}
				return nil
			}},
		)
		if err != nil || !survived {
			t.Fatalf("err %v, survived %t; want the relay to run to its own end", err, survived)
		}
	})
}

func TestAll_WaitsForATaskThatIsSlowToStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var finished bool
		err := run.All(t.Context(),
			run.Task{Name: "inbox", Run: func(context.Context) error { return errBroken }},
			run.Task{Name: "relay", Run: func(ctx context.Context) error {
				<-ctx.Done()
				<-time.After(time.Minute)
				finished = true
				return nil
			}},
		)
		if !errors.Is(err, errBroken) || !finished {
			t.Fatalf("err %v, finished %t; want to return after the slow task", err, finished)
		}
	})
}

func TestAll_TurnsAPanicIntoAnErrorWithTheStack(t *testing.T) {
	err := run.All(t.Context(), run.Task{Name: "inbox", Run: explode})
	var panicked *run.PanicError
	if !errors.As(err, &panicked) {
		t.Fatalf("got %v, want a PanicError", err)
	}
	if !errors.Is(err, errBroken) {
		t.Errorf("the panic's own error is not in %v", err)
	}
	if !strings.Contains(string(panicked.Stack), "explode") {
		t.Errorf("the stack does not name the function that panicked:\n%s", panicked.Stack)
	}
}

func explode(context.Context) error { panic(errBroken) }
