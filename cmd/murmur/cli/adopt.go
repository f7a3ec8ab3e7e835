package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/murmuration-dev/murmuration/cmd/murmur/topics"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/pkg/restore"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

// listedKeys bounds the list for people; programs get all.
const listedKeys = 50

func newAdopt() *cobra.Command {
	var flags recoveryFlags
	c := &cobra.Command{
		Use:   "adopt order|payment|inventory",
		Short: "Give a database that was set back what its topics have",
		Long: `adopt is the way back when a service says that its database is older than its
topics: it was restored from a backup, or a standby that lagged was promoted. Stop
every process of the service first.

Without --apply it changes nothing, and shows every key of which the topics tell
more than the database, or something else.

With --apply the database takes these keys over as the topics tell them, since the
other services have acted on that; the log then accepts the database again, and the
service can be started. What was committed and never published stays lost, and so
does what records do not tell: see docs/runbook.md. It can be repeated if it is
interrupted.

` + recoveryHelp + `

Exit codes: 0 they agree, or do now; 3 they differ, and nothing was changed; 75
something could not be reached; 78 wrong settings, or the database is in use.`,
		Example: `  murmur adopt order --data .murmuration
  murmur adopt order --data .murmuration --apply
  DATABASE_URL=postgres://… KAFKA_BROKERS=… SCHEMA_REGISTRY_URL=… murmur adopt order`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			return flags.run(c, args[0], func(ctx context.Context, r *participant.Recovery, asJSON bool) error {
				return adopt(ctx, c.OutOrStdout(), r, flags.apply, asJSON)
			})
		},
	}
	flags.register(c)
	return c
}

// adoption is what adopt says to programs.
type adoption struct {
	*participant.Finding
	Outcome *restore.Outcome `json:"outcome,omitempty"`
}

func adopt(ctx context.Context, out io.Writer, r *participant.Recovery, apply, asJSON bool) error {
	found, err := r.Look(ctx)
	if err != nil {
		return err
	}
	said := adoption{Finding: found}
	agree := found.Contradiction == "" && len(found.Differs.Keys) == 0
	if apply && !agree {
		outcome, err := r.Adopt(ctx)
		if err != nil {
			return err
		}
		said.Outcome = &outcome
	}
	if asJSON {
		err = printJSON(out, said)
	} else {
		err = printAdoption(out, said, agree)
	}
	if err != nil || agree || apply {
		return err
	}
	return run.InconsistentError(fmt.Errorf("adopt: nothing was changed: %w", errSilent))
}

func printAdoption(out io.Writer, a adoption, agree bool) error {
	fmt.Fprintf(out, "%s: database %s at batch %d, last position in the log: database %s at batch %d\n",
		a.Service, a.Store.StoreEpoch, a.Store.Batch, topics.Printable(orNone(a.Log.StoreEpoch)), a.Log.Batch)
	if a.Contradiction != "" {
		fmt.Fprintln(out, a.Contradiction)
	}
	if err := printKeys(out, a.Differs); err != nil {
		return err
	}
	switch {
	case agree:
		fmt.Fprintf(out, "%d streams, %d records: the topics have nothing that the database has not\n", a.Differs.Streams, a.Differs.Records)
	case a.Outcome == nil:
		fmt.Fprintln(out, "nothing was changed; --apply gives the database what the topics have")
	default:
		fmt.Fprintf(out, "adopted %d keys, withdrew %d records that waited; the service can be started\n", a.Outcome.Adopted, a.Outcome.Withdrawn)
		for _, m := range a.Outcome.Mended {
			fmt.Fprintln(out, "  "+topics.Printable(m))
		}
	}
	return nil
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func printKeys(out io.Writer, c *restore.Comparison) error {
	if len(c.Keys) == 0 {
		return nil
	}
	t := newTable(out, "TOPIC", "KEY", "DATABASE", "LOG", "THE LOG SAYS")
	for _, k := range c.Keys[:min(len(c.Keys), listedKeys)] {
		says := topics.Describe(nil, k.Said)
		if k.Contradicts {
			says += " (the database went on by itself and tells otherwise)"
		}
		t.row(k.Topic, k.Key, versionOrNone(k.Database), versionOrNone(k.Log), says)
	}
	if err := t.end(); err != nil {
		return err
	}
	if more := len(c.Keys) - listedKeys; more > 0 {
		fmt.Fprintf(out, "… and %d more keys (--output json lists all)\n", more)
	}
	if n := len(c.Covered); n > 0 {
		fmt.Fprintf(out, "%d records wait in the outbox although the topics have their versions: they will not be published\n", n)
	}
	return nil
}

func versionOrNone(v int64) string {
	if v == 0 {
		return ""
	}
	return strconv.FormatInt(v, 10)
}
