package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/murmuration-dev/murmuration/cmd/murmur/topics"
)

func newOrder() *cobra.Command {
	var options topics.Options
	c := &cobra.Command{
		Use:   "order ID",
		Short: "Tell the story of one order over all services, from the topics alone",
		Long: `Tells what happened to an order in the order, payment and inventory services:
when, how long after it was placed, by whom, and what changed. It is read from the
topics alone, so it works while every service is down; the schema registry is used
if it answers.

Topics are compacted: after a day or more the records before the latest of a key
can be gone. The story then says what is missing; its last records still hold all
that the missing ones said.`,
		Example: `  murmur order order-42
  murmur order order-42 --stock                   # with the stock that it moved
  murmur order order-42 --output json | jq '.steps[] | [.service, .status]'
  murmur order order-42 --kafka broker-1:9092     # any cluster, no data folder`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			asJSON, err := wantsJSON(c)
			if err != nil {
				return err
			}
			to, err := target(c, kafkaAddress)
			if err != nil {
				return err
			}
			client, err := reachKafka(c.Context(), to.Kafka)
			if err != nil {
				return err
			}
			defer client.Close()
			decoder, err := newDecoder(to.Registry, c.ErrOrStderr())
			if err != nil {
				return err
			}
			story, err := topics.ReadStory(c.Context(), client, decoder, args[0], options)
			if err != nil {
				return kafkaFailure(err)
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), story)
			}
			return printStory(c.OutOrStdout(), story)
		},
	}
	addTarget(c)
	addOutput(c)
	c.Flags().BoolVar(&options.Stock, "stock", false, "also show the stock records that it caused; one that covers several orders shows for the last of them")
	return c
}

func printStory(out io.Writer, story topics.Story) error {
	fmt.Fprintf(out, "order %s%s\n", topics.Printable(story.OrderID), headline(story))
	t := newTable(out, "TIME (UTC)", "SINCE", "SERVICE", "EVENT", "STATUS", "VERSION", "RECORD", "WHAT")
	for _, s := range story.Steps {
		what := s.What
		if s.Fault != "" {
			what = "undecodable: " + s.Fault
		}
		if s.Key != story.OrderID {
			what = s.Key + ": " + what
		}
		t.row(s.Time.Format(timeLayout), since(s.SincePlaced), s.Service, s.Event, s.Status, version(s.Version), place(s.Entry), what)
	}
	if err := t.end(); err != nil {
		return err
	}
	for _, g := range story.Gaps {
		fmt.Fprintf(out, "%s: %s\n", g.Topic, g.Detail)
	}
	if len(story.Gaps) > 0 {
		fmt.Fprintln(out, "The records above still hold all that the missing ones said, but not when.")
	}
	return nil
}

// headline sums up where the order stands.
func headline(story topics.Story) string {
	var parts []string
	if o := story.Order; o != nil {
		parts = append(parts, string(o.Status), topics.Money(o.Total, o.Currency))
	} else {
		parts = append(parts, "no record of the order itself")
	}
	if p := story.Payment; p != nil {
		parts = append(parts, "payment "+string(p.Status))
	}
	if r := story.Reservation; r != nil {
		parts = append(parts, "reservation "+string(r.Status))
	}
	return ": " + topics.Printable(strings.Join(parts, ", "))
}

func since(micros int64) string {
	d := time.Duration(micros) * time.Microsecond
	if d < 0 {
		return "-" + age(-d)
	}
	if d < 10*time.Second {
		return "+" + d.Round(100*time.Microsecond).String()
	}
	return "+" + age(d)
}

func version(v int64) string {
	if v == 0 {
		return ""
	}
	return "v" + strconv.FormatInt(v, 10)
}

// place is where a record is: topic/partition@offset.
func place(e topics.Entry) string {
	return fmt.Sprintf("%s/%d@%d", e.Topic, e.Partition, e.Offset)
}
