// Package cli is the command line of murmur: each command in a file of its own,
// output for people by default and JSON for programs.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/murmuration-dev/murmuration/pkg/run"
)

// Version is stamped by the build.
var Version = "dev"

// Execute runs the command line and prints its error, if any, for people. The
// error tells the exit code, by run.ExitCode.
func Execute(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	// cobra has no type for this one.
	if err != nil && strings.HasPrefix(err.Error(), "unknown command") {
		err = run.UsageError(err)
	}
	if err != nil && !errors.Is(err, errSilent) {
		fmt.Fprintln(stderr, "murmur:", err)
	}
	return err
}

// errSilent is wrapped by errors that were explained already.
var errSilent = errors.New("see above")

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "murmur",
		Short: "Consistency between microservices, without a coordinator",
		Long: `murmur runs, feeds, watches and audits a Murmuration platform: order, payment
and inventory services that keep one business transaction consistent over three
databases by exchanging events through compacted Kafka topics.`,
		Version:       Version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return run.UsageError(err) })
	root.AddCommand(newUp())
	root.AddCommand(newDemo())
	root.AddCommand(newReplay())
	root.AddCommand(newTry())
	root.AddCommand(newBench())
	root.AddCommand(newOrder())
	root.AddCommand(newTail())
	root.AddCommand(newTopics())
	root.AddCommand(newACLs())
	root.AddCommand(newParked())
	root.AddCommand(newStatus())
	root.AddCommand(newAudit())
	root.AddCommand(newRebuild())
	root.AddCommand(newAdopt())
	root.AddCommand(newRepublish())
	root.AddCommand(newReread())
	root.AddCommand(newChoreography())
	return root
}
