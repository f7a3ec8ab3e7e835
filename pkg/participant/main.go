package participant

import (
	"context"
	"fmt"
	"os"

	"github.com/murmuration-dev/murmuration/pkg/run"
)

// Main is the whole main function of a service: settings of type C from the
// environment, serve until a signal, and the exit code that run.ExitCode says.
// It does not return.
func Main[C any](name string, serve func(context.Context, C) error) {
	ctx, stop := run.Signals(context.Background())
	cfg, err := Load[C]()
	if err == nil {
		err = serve(ctx, cfg)
	}
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	}
	os.Exit(run.ExitCode(err))
}
