package restore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// lacking is a stream whose last record is not in the log, nor waiting for it.
type lacking struct {
	id string
	// lost are the versions of which records went out that the log lost.
	lost []int64
}

// Republish puts the latest state of every key that the log lacks into the outbox
// again, each under a new version. It fails with an *AheadError where the log has
// what the database has not: Adopt first.
func Republish(ctx context.Context, store eventstore.Store, log Log, kinds []Kind) (Outcome, error) {
	var out Outcome
	c, err := Compare(ctx, store, log, kinds)
	if err != nil {
		return out, err
	}
	if len(c.Keys) > 0 {
		return out, &AheadError{Keys: len(c.Keys), First: *c.Keys[0]}
	}
	meta := eventstore.Meta{At: time.Now().UnixMicro(), Causation: "republish"}
	for _, kind := range kinds {
		all, err := lacks(ctx, store, kind, c)
		if err != nil {
			return out, err
		}
		for some := range slices.Chunk(all, unitStreams) {
			err := aggregate.Do(ctx, store, func(s *aggregate.Session) error { return kind.republish(ctx, s, meta, some) })
			if err != nil {
				return out, fmt.Errorf("republish %s %s and those after it: %w", kind.Name(), some[0].id, err)
			}
			out.Republished += len(some)
		}
	}
	return out, nil
}

// lacks finds the streams of a kind of which the log lacks records: those whose
// last one is missing, and among those with a row that waits, the ones that lost
// records before it.
func lacks(ctx context.Context, store eventstore.Store, kind Kind, c *Comparison) ([]lacking, error) {
	streams := slices.AppendSeq(slices.Clone(c.behind), maps.Keys(c.rows))
	streams = slices.DeleteFunc(streams, func(id eventstore.StreamID) bool { return id.Kind != kind.Name() })
	slices.SortFunc(streams, eventstore.StreamID.Compare)
	var all []lacking
	for _, id := range slices.Compact(streams) {
		believed, err := kind.published(ctx, store, id.ID)
		if err != nil {
			return nil, err
		}
		lost := slices.DeleteFunc(believed, func(v int64) bool { return v <= c.told[id] || slices.Contains(c.rows[id], v) })
		if len(lost) > 0 {
			all = append(all, lacking{id.ID, lost})
		}
	}
	return all, nil
}

// AheadError says that the log has what the database has not.
type AheadError struct {
	Keys  int
	First Key
}

func (e *AheadError) Error() string {
	return fmt.Sprintf("the log is ahead of the database for %d keys, such as %s of %s: at %d, the database at %d: adopt them first",
		e.Keys, e.First.Key, e.First.Topic, e.First.Log, e.First.Database)
}
