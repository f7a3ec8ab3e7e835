package cli

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/murmuration-dev/murmuration/cmd/murmur/audit"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

// auditWait is how long an audit waits by default: longer than a relay or a
// broker needs to come back.
const auditWait = 30 * time.Second

func newAudit() *cobra.Command {
	wait := auditWait
	c := &cobra.Command{
		Use:   "audit",
		Short: "Prove that logs, stores, stock and money agree, or name what does not",
		Long: `audit compares everything with everything: the records of the topics with the
events of the services, the positions between them, stock with reservations, and
orders with payments and with the gateway's ledger. It changes nothing.

It waits until nothing is in flight: outboxes empty, inboxes at the end of their
topics, no intent pending. The deadline of a placed order is in flight. After
--wait it judges the orders that are at rest, and lists what is not and how old
it is.

Exit codes: 0 consistent; 3 inconsistent; 75 unsettled, which is no finding, but
something was in flight.`,
		Example: `  murmur audit
  murmur audit --wait 2m --output json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			asJSON, err := wantsJSON(c)
			if err != nil {
				return err
			}
			if wait < 0 {
				return run.UsageError(fmt.Errorf("--wait: %v is negative", wait))
			}
			at, err := target(c, kafkaAddress, registryAddress, orderOps, paymentOps, inventoryOps)
			if err != nil {
				return err
			}
			snapshot, err := audit.Collect(c.Context(), at, audit.Options{Wait: wait})
			if refused := kafkaRefusal(err); refused != nil {
				return refused
			}
			if err != nil {
				return run.TempFailError(fmt.Errorf("audit: %w", err))
			}
			return tell(c, audit.Check(snapshot), asJSON)
		},
	}
	addTarget(c)
	addOutput(c)
	c.Flags().DurationVar(&wait, "wait", auditWait, "how long to wait until nothing is in flight")
	return c
}

// tell prints a report, and turns its verdict into an exit code.
func tell(c *cobra.Command, report audit.Report, asJSON bool) error {
	var err error
	if asJSON {
		err = json.NewEncoder(c.OutOrStdout()).Encode(report)
	} else {
		err = report.Print(c.OutOrStdout())
	}
	if err != nil {
		return err
	}
	return verdictError(report)
}

func verdictError(report audit.Report) error {
	err := fmt.Errorf("audit: %s: %w", report.Summary(), errSilent)
	switch report.Verdict {
	case audit.Inconsistent:
		return run.InconsistentError(err)
	case audit.Unsettled:
		return run.TempFailError(err)
	}
	return nil
}
