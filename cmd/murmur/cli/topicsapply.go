package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

// applyAgain is how soon brokers that could not be used are tried again: they need
// seconds to start.
const applyAgain = time.Second

func newTopicsApply() *cobra.Command {
	var (
		replication int16
		wait        time.Duration
	)
	c := &cobra.Command{
		Use:   "apply",
		Short: "Create the declared topics that are missing, and set settings that differ",
		Long: `Creates the declared topics that are missing and sets their settings where they
differ. Nothing is deleted, and no partition count is changed, since that would move
keys: such a difference ends with exit code 78. Doing it again changes nothing.

With --wait, brokers that do not answer, or not as they should, are tried again until
the time is over; what they refuse for good is not.`,
		Example: `  murmur topics apply --kafka broker-1:9092 --replication-factor 3
  murmur topics apply --kafka broker-1:9092 --wait 10m`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if replication == 0 || replication < -1 {
				return run.UsageError(fmt.Errorf("--replication-factor: %d is neither above 0 nor -1", replication))
			}
			if wait < 0 {
				return run.UsageError(fmt.Errorf("--wait: %v is negative", wait))
			}
			asJSON, err := wantsJSON(c)
			if err != nil {
				return err
			}
			return insistOn(c, wait, func() error { return applyTopics(c, replication, asJSON) })
		},
	}
	c.Flags().Int16Var(&replication, "replication-factor", -1, "of topics that are created; -1: the broker's default")
	c.Flags().DurationVar(&wait, "wait", 0, "for how long to try again; 0: once")
	return c
}

// applyTopics makes the brokers agree with the declared topics, once.
func applyTopics(c *cobra.Command, replication int16, asJSON bool) error {
	client, err := clientOf(c)
	if err != nil {
		return err
	}
	defer client.Close()
	specs := embedded.Topics()
	for i := range specs {
		specs[i].ReplicationFactor = replication
	}
	changes, err := client.ApplyTopics(c.Context(), specs...)
	if printed := printChanges(c.OutOrStdout(), changes, asJSON, err == nil); err == nil {
		return printed
	}
	if errors.As(err, new(*kafka.TopicMismatchError)) {
		return run.ConfigError(err)
	}
	return kafkaFailure(err)
}

// insistOn repeats what fails until wait is over, unless no time mends it. It says
// why it waits when that changes.
func insistOn(c *cobra.Command, wait time.Duration, try func() error) error {
	deadline := time.Now().Add(wait)
	told := ""
	for {
		err := try()
		if err == nil || c.Context().Err() != nil || time.Until(deadline) < applyAgain {
			return err
		}
		switch run.ExitCode(err) {
		case run.ExitConfig, run.ExitUsage:
			return err
		}
		if err.Error() != told {
			told = err.Error()
			fmt.Fprintln(c.ErrOrStderr(), "murmur: trying again:", err)
		}
		select {
		case <-c.Context().Done():
			return err
		case <-time.After(applyAgain):
		}
	}
}
