package checker

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"
)

// positionTopics are written in the same transactions as those with state.
var positionTopics = []string{"order-positions", "payment-positions", "inventory-positions"}

func stateTopics() []string { return slices.Sorted(maps.Keys(topics)) }

// scan reads topics from their first offset to their present end, control records
// included, and calls each with every record.
func scan(ctx context.Context, brokers string, isolation kgo.IsolationLevel, names []string, each func(*kgo.Record) error) error {
	level := latest
	if isolation == kgo.ReadCommitted() {
		level = stable
	}
	ends, err := offsets(ctx, brokers, level, names)
	if err != nil {
		return err
	}
	starts, err := offsets(ctx, brokers, earliest, names)
	if err != nil {
		return err
	}
	from := make(map[string]map[int32]kgo.Offset)
	left := make(map[partition]bool)
	for p, end := range ends {
		if from[p.topic] == nil {
			from[p.topic] = make(map[int32]kgo.Offset)
		}
		if end > starts[p] {
			from[p.topic][p.id] = kgo.NewOffset().At(starts[p])
			left[p] = true
		}
	}
	reader, err := kgo.NewClient(kgo.SeedBrokers(seeds(brokers)...), kgo.ConsumePartitions(from),
		kgo.FetchIsolationLevel(isolation), kgo.KeepControlRecords())
	if err != nil {
		return err
	}
	defer reader.Close()
	for len(left) > 0 {
		fetched := reader.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			return fmt.Errorf("read %s: %w", strings.Join(names, ", "), err)
		}
		for i := fetched.RecordIter(); !i.Done(); {
			r := i.Next()
			p := partition{r.Topic, r.Partition}
			if r.Offset >= ends[p] {
				continue // came after this look began
			}
			if r.Offset+1 == ends[p] {
				delete(left, p) // control records are kept, so the last offset is always seen
			}
			if err := each(r); err != nil {
				return fmt.Errorf("%s/%d@%d, key %s: %w", r.Topic, r.Partition, r.Offset, r.Key, err)
			}
		}
	}
	return nil
}

// readLogs reads all topics with state up to the last stable offset.
func readLogs(ctx context.Context, brokers, registry string) ([]Record, error) {
	decoder := &decoder{registry: registry, schemas: make(map[uint32]*avro.Schema)}
	var out []Record
	err := scan(ctx, brokers, kgo.ReadCommitted(), stateTopics(), func(r *kgo.Record) error {
		if r.Attrs.IsControl() {
			return nil
		}
		record, err := decoder.record(ctx, r)
		out = append(out, record)
		return err
	})
	return out, err
}

// Log is what the logs hold beside the visible records.
type Log struct {
	// Committed and Aborted are the transactions that end markers tell of, each
	// once however many partitions it touched, as far as the brokers give every
	// transaction an epoch of its own.
	Committed, Aborted int
	// AbortedRecords are those with state that nobody may see.
	AbortedRecords int
}

// readMarkers counts transactions over all topics, as an uncommitted reader sees
// them.
func readMarkers(ctx context.Context, brokers string, visible int) (Log, error) {
	type transaction struct {
		producer int64
		epoch    int16
	}
	committed, aborted := make(map[transaction]bool), make(map[transaction]bool)
	data := 0
	all := append(stateTopics(), positionTopics...)
	err := scan(ctx, brokers, kgo.ReadUncommitted(), all, func(r *kgo.Record) error {
		if !r.Attrs.IsControl() {
			if _, state := topics[r.Topic]; state {
				data++
			}
			return nil
		}
		const keySize = 4 // a version and a kind, of two bytes each
		if len(r.Key) < keySize {
			return fmt.Errorf("control record with key % x", r.Key)
		}
		switch t := (transaction{r.ProducerID, r.ProducerEpoch}); binary.BigEndian.Uint16(r.Key[2:]) {
		case 0:
			aborted[t] = true
		case 1:
			committed[t] = true
		}
		return nil
	})
	return Log{Committed: len(committed), Aborted: len(aborted), AbortedRecords: data - visible}, err
}
