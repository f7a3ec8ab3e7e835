package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/murmuration-dev/murmuration/cmd/murmur/audit"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

func newRebuild() *cobra.Command {
	c := &cobra.Command{
		Use:   "rebuild",
		Short: "Fold all events again and compare the states with the rows, byte for byte",
		Long: `rebuild has every service fold the events of all its streams again, and compares
the outcome with the state rows byte for byte. It writes nothing and causes no
effects, so it can be run at any time.

Exit codes: 0 all rows are what their events give; 3 some are not.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			asJSON, err := wantsJSON(c)
			if err != nil {
				return err
			}
			at, err := target(c, kafkaAddress, registryAddress, orderOps, paymentOps, inventoryOps)
			if err != nil {
				return err
			}
			rebuilt, err := audit.Rebuild(c.Context(), at)
			if err != nil {
				return run.TempFailError(fmt.Errorf("rebuild: %w", err))
			}
			return compare(c.OutOrStdout(), rebuilt, asJSON)
		},
	}
	addTarget(c)
	addOutput(c)
	return c
}

func compare(out io.Writer, rebuilt []audit.Rebuilt, asJSON bool) error {
	different := 0
	for _, r := range rebuilt {
		different += r.Count
	}
	if asJSON {
		if err := json.NewEncoder(out).Encode(rebuilt); err != nil {
			return err
		}
	} else if err := printRebuilt(out, rebuilt, different); err != nil {
		return err
	}
	if different > 0 {
		return run.InconsistentError(fmt.Errorf("rebuild: %d rows differ: %w", different, errSilent))
	}
	return nil
}

func printRebuilt(out io.Writer, rebuilt []audit.Rebuilt, different int) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "service\tstreams of\trebuilt\tevents\tdifferent")
	for _, r := range rebuilt {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\n", r.Service, r.Kind, r.Streams, r.Events, r.Count)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, r := range rebuilt {
		for _, f := range r.List {
			fmt.Fprintf(out, "  %s\n", f)
		}
		if more := r.Count - len(r.List); more > 0 {
			fmt.Fprintf(out, "  … and %d more of %s\n", more, r.Kind)
		}
	}
	if different > 0 {
		_, err := fmt.Fprintf(out, "\nrebuild: %d rows DIFFER from their events\n", different)
		return err
	}
	_, err := fmt.Fprintln(out, "\nrebuild: every row is what its events give, byte for byte")
	return err
}
