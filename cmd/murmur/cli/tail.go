package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/murmuration-dev/murmuration/pkg/run"
	"github.com/murmuration-dev/murmuration/schemas"
)

type tailFlags struct {
	key, from    string
	follow, full bool
	max, last    int
}

// lastLimit bounds --last: so many records of each partition are held in memory.
const lastLimit = 10_000

func newTail() *cobra.Command {
	var flags tailFlags
	c := &cobra.Command{
		Use:   "tail TOPIC...",
		Short: "Show the records of topics, decoded",
		Long: `Shows committed records: where they are, when they happened, key, version, event,
status and a summary, or everything with --full. Tombstones are shown, and so is
what cannot be decoded, with the reason.

It needs nothing but a broker: values are decoded with the schema that the registry
has for them if it answers, else with the versions built into this program, newest
first. Records of one partition come in order; partitions mix.`,
		Example: `  murmur tail orders
  murmur tail orders payments reservations --follow
  murmur tail orders --key order-42 --full
  murmur tail stock --last 5 --follow             # the last 5 of each partition, then new ones
  murmur tail orders --output json --max 100 | jq .record.total
  murmur tail order-positions --kafka broker-1:9092`,
		Args:              usageArgs(cobra.MinimumNArgs(1)),
		ValidArgsFunction: completeTopics,
		RunE: func(c *cobra.Command, args []string) error {
			return tail(c, flags, args)
		},
	}
	addTarget(c)
	addOutput(c)
	c.Flags().StringVar(&flags.key, "key", "", "only records with this key")
	c.Flags().StringVar(&flags.from, "from", "", "beginning, end, or an offset of each partition (default beginning; with --follow, end)")
	c.Flags().IntVar(&flags.last, "last", 0, "only the last records of each partition, so many, sorted by time")
	c.Flags().BoolVarP(&flags.follow, "follow", "f", false, "go on with new records until interrupted")
	c.Flags().BoolVar(&flags.full, "full", false, "show the whole record")
	c.Flags().IntVarP(&flags.max, "max", "n", 0, "stop after this many records; 0: no bound")
	return c
}

func completeTopics(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, topic := range schemas.Topics() {
		if !slices.Contains(args, topic.Name) {
			names = append(names, topic.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func tail(c *cobra.Command, flags tailFlags, names []string) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	begin, err := flags.start()
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
	t := tailer{tailFlags: flags, client: client, decoder: decoder, out: c.OutOrStdout(), warn: c.ErrOrStderr(), asJSON: asJSON}
	err = t.run(c.Context(), names, begin)
	switch {
	case errors.Is(err, errEnough), c.Context().Err() != nil:
		return nil // shown what was asked for, or interrupted: both are how it ends
	case err != nil:
		return kafkaFailure(fmt.Errorf("tail: %w", err))
	}
	return nil
}

// start parses --from into a choice of offset within the bounds of a partition.
func (f tailFlags) start() (func(first, end int64) int64, error) {
	atFirst := func(first, _ int64) int64 { return first }
	atEnd := func(_, end int64) int64 { return end }
	if f.last < 0 || f.last > lastLimit {
		return nil, run.UsageError(fmt.Errorf("--last: %d is not between 1 and %d", f.last, lastLimit))
	}
	switch f.from {
	case "beginning":
		return atFirst, nil
	case "end":
		return atEnd, nil
	case "":
		if f.follow && f.last == 0 {
			return atEnd, nil
		}
		return atFirst, nil
	}
	n, err := strconv.ParseInt(f.from, 10, 64)
	if err != nil || n < 0 {
		return nil, run.UsageError(fmt.Errorf("--from: %q is not beginning, end or an offset", f.from))
	}
	return func(first, end int64) int64 { return min(max(first, n), end) }, nil
}
