package participant

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/run"
)

var errServed = errors.New("served")

func program() Program[Settings] {
	return Program[Settings]{Spec: testSpec(nil), Serve: func(context.Context, Settings) error { return errServed }}
}

func TestProgram_ServesWithoutArguments(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := program().run(t.Context(), nil, &out); !errors.Is(err, errServed) {
		t.Errorf("got %v, want that it serves", err)
	}
}

func TestProgram_TellsItsVersionAndWhatItCanDo(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]string{"--version": "tally 1.0.0\n", "--help": "tally migrate", "-h": "docs/configuration.md"} {
		var out bytes.Buffer
		check(t, program().run(t.Context(), []string{arg}, &out))
		contains(t, out.String(), want)
	}
}

func TestProgram_RefusesOtherArguments(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"migrat"}, {"migrate", "now"}, {"--verbose"}} {
		wantExit(t, program().run(t.Context(), args, &bytes.Buffer{}), run.ExitUsage, "expected nothing, migrate, --version or --help")
	}
}

func TestProgram_MigratesByTheSettingsOfTheEnvironment(t *testing.T) {
	t.Setenv("DATABASE_URL", "sqlite://"+filepath.Join(t.TempDir(), "tally.db"))
	check(t, program().run(t.Context(), []string{"migrate"}, &bytes.Buffer{}))
	t.Setenv("DATABASE_URL", "tally.db")
	wantExit(t, program().run(t.Context(), []string{"migrate"}, &bytes.Buffer{}), run.ExitConfig, "DATABASE_URL")
}
