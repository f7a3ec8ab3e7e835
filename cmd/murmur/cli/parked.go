package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

func newParked() *cobra.Command {
	c := &cobra.Command{
		Use:   "parked",
		Short: "List what the services set aside because it will always fail",
		Long: `Lists the records and the intents that a service has set aside: it met something
that will always fail in the same way, and goes on with everything else.

A parked record goes by itself once a later record of its key is applied. An intent
is an effect outside, such as a refund, or a deadline: it waits for
"murmur parked revive" after its cause is mended.`,
		Example: `  murmur parked
  murmur parked --output json
  murmur parked revive refund/order-42/0-500`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return listParked(c) },
	}
	addTarget(c)
	addOutput(c)
	c.AddCommand(newRevive())
	return c
}

// setAside is a parked record or intent.
type setAside struct {
	Service string `json:"service"`
	// Kind is "record", or that of an intent.
	Kind string `json:"kind"`
	// Topic, Partition and Offset are those of a record; Stream and Attempts those
	// of an intent.
	Topic     string     `json:"topic,omitempty"`
	Partition *int32     `json:"partition,omitempty"`
	Offset    *int64     `json:"offset,omitempty"`
	Stream    string     `json:"stream,omitempty"`
	Attempts  int        `json:"attempts,omitempty"`
	Key       string     `json:"key"`
	Event     string     `json:"event,omitempty"`
	Reason    string     `json:"reason"`
	At        *time.Time `json:"at,omitempty"`
}

const kindRecord = "record"

func listParked(c *cobra.Command) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	to, err := target(c, opsAddresses...)
	if err != nil {
		return err
	}
	w := newWeb()
	defer w.close()
	views, errs := w.overviews(c.Context(), allOperations(to))
	all := []setAside{}
	for _, v := range views {
		for _, r := range v.Parked {
			all = append(all, recordSetAside(v.Service, r))
		}
		for _, i := range v.ParkedIntents {
			all = append(all, intentSetAside(v.Service, i))
		}
	}
	if asJSON {
		err = printJSON(c.OutOrStdout(), all)
	} else {
		err = printParked(c.OutOrStdout(), all, errors.Join(errs...) == nil)
	}
	return errors.Join(append(errs, err)...)
}

func recordSetAside(service string, r eventstore.Parked) setAside {
	at := time.UnixMicro(r.At).UTC()
	s := setAside{
		Service: service, Kind: kindRecord, Topic: r.Topic, Partition: &r.Partition, Offset: &r.Offset, Key: r.Key, Reason: r.Reason, At: &at,
	}
	for _, h := range r.Headers {
		if h.Key == aggregate.HeaderEventID {
			s.Event = h.Value
		}
	}
	return s
}

// intentSetAside shows when the intent was made, since when it was parked is not
// kept.
func intentSetAside(service string, i eventstore.Intent) setAside {
	s := setAside{Service: service, Kind: i.Kind, Stream: i.Stream.String(), Attempts: i.Attempts, Key: i.Key, Reason: i.LastError}
	if i.Meta.At > 0 {
		at := time.UnixMicro(i.Meta.At).UTC()
		s.At = &at
	}
	return s
}

func printParked(out io.Writer, all []setAside, complete bool) error {
	if len(all) == 0 {
		if complete {
			fmt.Fprintln(out, "nothing is parked")
		}
		return nil
	}
	t := newTable(out, "SERVICE", "KIND", "KEY", "AGE", "WHERE", "REASON")
	for _, s := range all {
		where := s.Stream
		if s.Kind == kindRecord {
			where = fmt.Sprintf("%s/%d@%d", s.Topic, *s.Partition, *s.Offset)
		} else if s.Attempts > 0 {
			where = fmt.Sprintf("%s, %d attempts", s.Stream, s.Attempts)
		}
		old := ""
		if s.At != nil {
			old = age(time.Since(*s.At))
		}
		t.row(s.Service, s.Kind, s.Key, old, where, s.Reason)
	}
	return t.end()
}

func newRevive() *cobra.Command {
	return &cobra.Command{
		Use:   "revive KEY...",
		Short: "Make parked intents pending again, due at once",
		Long: `Makes parked intents pending again, due at once and with their attempts counted
from zero. Every intent first asks what is true outside, so one that had succeeded
after all does nothing twice.`,
		Example: `  murmur parked revive refund/order-42/0-500`,
		Args:    usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, keys []string) error {
			to, err := target(c, opsAddresses...)
			if err != nil {
				return err
			}
			w := newWeb()
			defer w.close()
			var errs []error
			for _, key := range keys {
				errs = append(errs, reviveOne(c.Context(), w, allOperations(to), key, c.OutOrStdout()))
			}
			return errors.Join(errs...)
		},
	}
}

// reviveOne finds the service that has a parked intent of this key.
func reviveOne(ctx context.Context, w web, services []operations, key string, out io.Writer) error {
	var errs []error
	for _, of := range services {
		revived, err := w.revive(ctx, of, key)
		if revived {
			fmt.Fprintf(out, "%s: %s is pending again\n", of.service, key)
			return nil
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("revive %s: %w", key, err)
	}
	return fmt.Errorf("revive %s: no service has a parked intent of this key (`murmur parked` lists them)", key)
}
