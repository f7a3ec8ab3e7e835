package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/pkg/restore"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

func newRepublish() *cobra.Command {
	var flags recoveryFlags
	c := &cobra.Command{
		Use:   "republish order|payment|inventory",
		Short: "Publish the latest state of every key again, where a topic lost records",
		Long: `republish is the way back when a topic lost what it had acknowledged, or was deleted
and made again. Stop every process of the service first.

Without --apply it changes nothing, and says how many keys the topics lack. With
--apply the latest state of every key is put into the outbox once more, under a new
version and with a header that says so, and the log accepts the database; the
service publishes it all when it is started.

Where the topics have what the database has not, nothing is republished: ` + "`murmur adopt`" + `
comes first.

` + recoveryHelp + `

Exit codes: 0 done, or nothing is lacking; 3 the topics lack keys, or have more than
the database, and nothing was changed; 75 something could not be reached; 78 wrong
settings, or the database is in use.`,
		Example: `  murmur republish order --data .murmuration --apply`,
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			return flags.run(c, args[0], func(ctx context.Context, r *participant.Recovery, asJSON bool) error {
				return republish(ctx, c, r, flags.apply, asJSON)
			})
		},
	}
	flags.register(c)
	return c
}

func republish(ctx context.Context, c *cobra.Command, r *participant.Recovery, apply, asJSON bool) error {
	found, err := r.Look(ctx)
	if err != nil {
		return err
	}
	said := adoption{Finding: found}
	if apply {
		outcome, err := r.Republish(ctx)
		var ahead *restore.AheadError
		if errors.As(err, &ahead) {
			return run.InconsistentError(err)
		}
		if err != nil {
			return err
		}
		said.Outcome = &outcome
	}
	out := c.OutOrStdout()
	complete := found.Contradiction == "" && found.Differs.Behind == 0 && len(found.Differs.Keys) == 0
	switch {
	case asJSON:
		err = printJSON(out, said)
	case apply:
		_, err = fmt.Fprintf(out, "%d keys are in the outbox again; they are published when the service is started\n", said.Outcome.Republished)
	default:
		if found.Contradiction != "" {
			fmt.Fprintln(out, found.Contradiction)
		}
		_, err = fmt.Fprintf(out, "of %d streams the topics lack the last record of %d, and are ahead of %d\n",
			found.Differs.Streams, found.Differs.Behind, len(found.Differs.Keys))
	}
	if err != nil || apply || complete {
		return err
	}
	return run.InconsistentError(fmt.Errorf("republish: nothing was changed: %w", errSilent))
}
