package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/run"
	"github.com/murmuration-dev/murmuration/schemas"
)

// The states of a declared topic at a broker.
const (
	topicOK      = "ok"
	topicMissing = "missing"
	topicDiffers = "differs"
)

func newTopics() *cobra.Command {
	c := &cobra.Command{
		Use:   "topics",
		Short: "List the declared topics and how the broker's differ",
		Long: `Lists the topics that the platform declares: partitions, settings, the only
service that writes to each, what its key is, the subject of its schema; and whether
the broker has it as declared.

TLS and credentials of the brokers are taken from the environment as services take
them: KAFKA_TLS, KAFKA_CA_FILE, KAFKA_USERNAME, KAFKA_PASSWORD.`,
		Example: `  murmur topics
  murmur topics apply --kafka broker-1:9092 --replication-factor 3
  murmur topics verify --kafka broker-1:9092      # exit code 78 if anything differs`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return listTopics(c) },
	}
	addTarget(c)
	addOutput(c)
	c.AddCommand(newTopicsApply(), newTopicsVerify())
	return c
}

// topicView is a declared topic and its state at the broker.
type topicView struct {
	Name        string            `json:"name"`
	Owner       string            `json:"owner"`
	Key         string            `json:"key"`
	Subject     string            `json:"subject"`
	Partitions  int32             `json:"partitions"`
	Configs     map[string]string `json:"configs"`
	State       string            `json:"state"`
	Differences []topicDifference `json:"differences,omitempty"`
}

type topicDifference struct {
	What     string `json:"what"`
	Expected string `json:"expected"`
	Found    string `json:"found"`
}

func listTopics(c *cobra.Command) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	views, err := surveyTopics(c)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(c.OutOrStdout(), views)
	}
	return printTopics(c.OutOrStdout(), views)
}

// surveyTopics compares the broker's topics with the declared ones.
func surveyTopics(c *cobra.Command) ([]topicView, error) {
	client, err := clientOf(c)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	err = client.VerifyTopics(c.Context(), embedded.Topics()...)
	var mismatch *kafka.TopicMismatchError
	if err != nil && !errors.As(err, &mismatch) {
		return nil, kafkaFailure(err)
	}
	var views []topicView
	for _, t := range schemas.Topics() {
		v := topicView{Name: t.Name, Owner: t.Owner, Key: t.Key, Subject: t.Subject, Partitions: t.Partitions, Configs: t.Configs, State: topicOK}
		if mismatch != nil {
			v.compare(mismatch.Mismatches)
		}
		views = append(views, v)
	}
	return views, nil
}

func (v *topicView) compare(all []kafka.TopicMismatch) {
	for _, m := range all {
		switch {
		case m.Topic != v.Name:
		case m.What == "existence":
			v.State = topicMissing
		default:
			v.State = topicDiffers
			v.Differences = append(v.Differences, topicDifference{m.What, m.Expected, m.Found})
		}
	}
}

// clientOf returns a client of the broker that the flags name.
func clientOf(c *cobra.Command) (*kafka.Client, error) {
	to, err := target(c, kafkaAddress)
	if err != nil {
		return nil, err
	}
	return reachKafka(c.Context(), to.Kafka)
}

func printTopics(out io.Writer, views []topicView) error {
	t := newTable(out, "TOPIC", "STATE", "WRITTEN BY", "KEY", "PARTITIONS", "SUBJECT", "SETTINGS")
	for _, v := range views {
		var settings []string
		for _, name := range slices.Sorted(maps.Keys(v.Configs)) {
			settings = append(settings, name+"="+v.Configs[name])
		}
		t.row(v.Name, v.State, v.Owner, v.Key, fmt.Sprint(v.Partitions), v.Subject, strings.Join(settings, " "))
	}
	if err := t.end(); err != nil {
		return err
	}
	for _, v := range views {
		for _, d := range v.Differences {
			fmt.Fprintf(out, "%s: %s: expected %s, found %s\n", v.Name, d.What, d.Expected, found(d.Found))
		}
	}
	return nil
}

// found shows a value that the broker does not have.
func found(value string) string {
	if value == "" {
		return "nothing"
	}
	return value
}

func newTopicsVerify() *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Check that the broker's topics are as declared; exit code 78 if not",
		Example: `  murmur topics verify --kafka broker-1:9092
  murmur topics verify --output json`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			asJSON, err := wantsJSON(c)
			if err != nil {
				return err
			}
			views, err := surveyTopics(c)
			if err != nil {
				return err
			}
			if asJSON {
				if err := printJSON(c.OutOrStdout(), views); err != nil {
					return err
				}
			}
			wrong := differences(views)
			if len(wrong) == 0 {
				if !asJSON {
					fmt.Fprintf(c.OutOrStdout(), "%d topics are as declared\n", len(views))
				}
				return nil
			}
			return run.ConfigError(fmt.Errorf("topics are not as declared (`murmur topics apply` makes what is missing and sets what differs, but a wrong partition count needs a new topic):\n  %s", strings.Join(wrong, "\n  ")))
		},
	}
}

// differences are all of them, a line each.
func differences(views []topicView) []string {
	var lines []string
	for _, v := range views {
		if v.State == topicMissing {
			lines = append(lines, v.Name+": missing")
		}
		for _, d := range v.Differences {
			lines = append(lines, fmt.Sprintf("%s: %s: expected %s, found %s", v.Name, d.What, d.Expected, found(d.Found)))
		}
	}
	return lines
}

// printChanges says what was done, also beside an error.
func printChanges(out io.Writer, changes []kafka.TopicChange, asJSON, complete bool) error {
	type change struct {
		Topic   string `json:"topic"`
		Created bool   `json:"created,omitempty"`
		Config  string `json:"config,omitempty"`
		From    string `json:"from,omitempty"`
		To      string `json:"to,omitempty"`
	}
	if asJSON {
		list := make([]change, len(changes))
		for i, ch := range changes {
			list[i] = change(ch)
		}
		return printJSON(out, list)
	}
	for _, ch := range changes {
		fmt.Fprintln(out, ch)
	}
	if len(changes) == 0 && complete {
		fmt.Fprintln(out, "nothing to do: all topics are as declared")
	}
	return nil
}
