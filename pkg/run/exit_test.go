package run_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/run"
)

func TestExitCode_FollowsTheMarkedError(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want int
	}{
		{"nil", nil, 0},
		{"unmarked", errBroken, 1},
		{"usage", run.UsageError(errBroken), 2},
		{"inconsistent", run.InconsistentError(errBroken), 3},
		{"unavailable", run.TempFailError(errBroken), 75},
		{"settings", run.ConfigError(errBroken), 78},
		{"wrapped", fmt.Errorf("order: %w", run.ConfigError(errBroken)), 78},
		{"joined", errors.Join(errBroken, run.TempFailError(errBroken)), 75},
		{"the first of two", errors.Join(run.InconsistentError(errBroken), run.ConfigError(errBroken)), 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := run.ExitCode(c.err); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestMarkedErrors_KeepTextAndCause(t *testing.T) {
	err := run.ConfigError(errBroken)
	if err.Error() != "broken" || !errors.Is(err, errBroken) {
		t.Errorf("got %v, want the text and the cause of the marked error", err)
	}
	if err := run.ConfigError(nil); err != nil {
		t.Errorf("marking nil gave %v", err)
	}
}
