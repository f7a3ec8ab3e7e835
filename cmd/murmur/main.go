// Command murmur starts, feeds, watches and audits the platform.
package main

import (
	"context"
	"os"

	"github.com/murmuration-dev/murmuration/cmd/murmur/cli"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

func main() {
	ctx, stop := run.Signals(context.Background())
	err := cli.Execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(run.ExitCode(err))
}
