package restore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

const (
	// unitStreams bounds the streams of one commit, unitEvents their events.
	unitStreams = 100
	unitEvents  = 1000
)

// Outcome is what Adopt or Republish did.
type Outcome struct {
	// Adopted is how many keys were taken over from the log, Withdrawn how many
	// rows left the outbox unpublished.
	Adopted   int `json:"adopted"`
	Withdrawn int `json:"withdrawn"`
	// Republished is how many keys are in the outbox again.
	Republished int `json:"republished,omitempty"`
	// Mended is what was put right besides, for people.
	Mended []string `json:"mended,omitempty"`
}

// Adopt gives the database what the log has. It renews the store's epoch first: a
// relay that knows nothing of it stops until the log was told as well.
func Adopt(ctx context.Context, store eventstore.Store, log Log, kinds []Kind, relay string) (Outcome, error) {
	var out Outcome
	c, err := Compare(ctx, store, log, kinds)
	if err != nil {
		return out, err
	}
	renewer, ok := store.(eventstore.EpochRenewer)
	if !ok {
		return out, fmt.Errorf("the driver cannot renew the epoch of the database")
	}
	if _, err := renewer.RenewEpoch(ctx); err != nil {
		return out, err
	}
	meta := eventstore.Meta{At: time.Now().UnixMicro(), Causation: "adopt"}
	for _, kind := range kinds {
		if err := adoptKind(ctx, store, kind, meta, c); err != nil {
			return out, err
		}
		mended, err := kind.mend(ctx, store, meta)
		if err != nil {
			return out, err
		}
		out.Mended = append(out.Mended, mended...)
	}
	out.Adopted, out.Withdrawn = len(c.Keys), len(c.Covered)
	return out, withdraw(ctx, store, relay, c)
}

func adoptKind(ctx context.Context, store eventstore.Store, kind Kind, meta eventstore.Meta, c *Comparison) error {
	of := func(keys []*Key) []*Key {
		return slices.DeleteFunc(slices.Clone(keys), func(k *Key) bool { return k.kind != kind })
	}
	for some := range units(of(c.Keys)) {
		err := aggregate.Do(ctx, store, func(s *aggregate.Session) error { return kind.adopt(ctx, s, meta, some) })
		if err != nil {
			return fmt.Errorf("adopt %s and those after it: %w", some[0].stream(), err)
		}
	}
	for some := range slices.Chunk(of(c.settle), unitStreams) {
		err := aggregate.Do(ctx, store, func(s *aggregate.Session) error { return kind.settle(ctx, s, meta, ids(some)) })
		if err != nil {
			return fmt.Errorf("settle %s and those after it: %w", some[0].stream(), err)
		}
	}
	return nil
}

// units shares keys out over commits.
func units(keys []*Key) func(yield func([]*Key) bool) {
	return func(yield func([]*Key) bool) {
		for len(keys) > 0 {
			n, events := 0, int64(0)
			for n < len(keys) && n < unitStreams && (n == 0 || events+keys[n].target-keys[n].Database <= unitEvents) {
				events += keys[n].target - keys[n].Database
				n++
			}
			if !yield(keys[:n]) {
				return
			}
			keys = keys[n:]
		}
	}
}

// withdraw takes rows from the outbox that must not be published: those that the
// log had before, and those that were only written to say so.
func withdraw(ctx context.Context, store eventstore.Store, relay string, c *Comparison) error {
	rows := slices.Clone(c.Covered)
	for _, k := range c.Keys {
		if !k.Contradicts {
			rows = append(rows, eventstore.RowID{Stream: k.stream(), Version: k.target})
		}
	}
	state, err := store.RelayState(ctx, relay)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(rows, rowPage) {
		state.Batch++
		if err := store.Published(ctx, relay, some, state); err != nil {
			return fmt.Errorf("withdraw rows from the outbox: %w", err)
		}
	}
	return nil
}
