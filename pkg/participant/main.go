package participant

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/murmuration-dev/murmuration/pkg/run"
)

// Program is the program of a service whose settings are of type C.
type Program[C any] struct {
	// Spec says what the service is; its parts need not be able to run.
	Spec Spec
	// Serve runs the service until ctx ends.
	Serve func(ctx context.Context, cfg C) error
}

// Main is the whole main function of a service: settings from the environment,
// serve until a signal, and the exit code that run.ExitCode says. It does not
// return.
//
// The sub-command migrate calls Migrate instead; --version and --help answer.
func Main[C any](p Program[C]) {
	ctx, stop := run.Signals(context.Background())
	err := p.run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", p.Spec.Name, err)
	}
	os.Exit(run.ExitCode(err))
}

func (p Program[C]) run(ctx context.Context, args []string, out io.Writer) error {
	switch {
	case len(args) == 0:
		cfg, err := Load[C]()
		if err != nil {
			return err
		}
		return p.Serve(ctx, cfg)
	case slices.Contains(args, "--help"), slices.Contains(args, "-h"):
		return p.help(out)
	case len(args) > 1:
		return p.misused(fmt.Sprintf("%d arguments", len(args)))
	case args[0] == "migrate":
		settings, err := Load[MigrationSettings]()
		if err != nil {
			return err
		}
		return Migrate(ctx, settings, p.Spec, nil)
	case args[0] == "--version":
		_, err := fmt.Fprintln(out, p.Spec.Name, p.Spec.Version)
		return err
	}
	return p.misused(fmt.Sprintf("%q", args[0]))
}

func (p Program[C]) misused(what string) error {
	return run.UsageError(errors.New(what + ": expected nothing, migrate, --version or --help"))
}

func (p Program[C]) help(out io.Writer) error {
	_, err := fmt.Fprintf(out, `%[1]s            serve until SIGTERM
%[1]s migrate    migrate the service's database and register its schemas, then end
%[1]s --version  tell the version

Settings are environment variables: see docs/configuration.md.
`, p.Spec.Name)
	return err
}
