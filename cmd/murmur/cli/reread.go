package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/murmuration-dev/murmuration/pkg/inbox"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

func newReread() *cobra.Command {
	var flags recoveryFlags
	c := &cobra.Command{
		Use:   "reread order|payment|inventory",
		Short: "Let a service read topics from their beginning, where its position cannot be true",
		Long: `reread is the way back when a service says that an inbox position cannot be true: the
topic was deleted and made again, or lost what the service had read. Stop every
process of the service first.

Without --apply it changes nothing, and lists these positions. With --apply they are
forgotten, and the service reads the partitions from their beginning when it is
started. It reacts to states: what it knows already changes nothing.

` + recoveryHelp + `

Exit codes: 0 done, or every position can be true; 3 some cannot, and nothing was
changed; 75 something could not be reached; 78 wrong settings, or the database is in
use.`,
		Example: `  murmur reread payment --data .murmuration --apply`,
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			return flags.run(c, args[0], func(ctx context.Context, r *participant.Recovery, asJSON bool) error {
				return reread(ctx, c, r, flags.apply, asJSON)
			})
		},
	}
	flags.register(c)
	return c
}

func reread(ctx context.Context, c *cobra.Command, r *participant.Recovery, apply, asJSON bool) error {
	wrong, err := r.Misplaced(ctx)
	if err != nil {
		return err
	}
	if apply {
		if err := r.Reread(ctx, wrong); err != nil {
			return err
		}
	}
	if err := printMisplaced(c, wrong, apply, asJSON); err != nil || apply || len(wrong) == 0 {
		return err
	}
	return run.InconsistentError(fmt.Errorf("reread: nothing was changed: %w", errSilent))
}

func printMisplaced(c *cobra.Command, wrong []inbox.PositionError, applied, asJSON bool) error {
	out := c.OutOrStdout()
	if asJSON {
		if wrong == nil {
			wrong = []inbox.PositionError{}
		}
		return printJSON(out, wrong)
	}
	t := newTable(out, "TOPIC", "PARTITION", "POSITION", "WHY NOT")
	for _, p := range wrong {
		t.row(p.Topic, fmt.Sprint(p.Partition), fmt.Sprint(p.Position), p.Reason)
	}
	if len(wrong) > 0 {
		if err := t.end(); err != nil {
			return err
		}
	}
	switch {
	case len(wrong) == 0:
		fmt.Fprintln(out, "every position can be true")
	case applied:
		fmt.Fprintf(out, "%d partitions are read from their beginning when the service is started\n", len(wrong))
	default:
		fmt.Fprintln(out, "nothing was changed; --apply makes the service read these partitions from their beginning")
	}
	return nil
}
