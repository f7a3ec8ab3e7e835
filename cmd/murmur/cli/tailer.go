package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/murmuration-dev/murmuration/cmd/murmur/topics"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

// errEnough ends a scan that has shown what was asked for.
var errEnough = errors.New("enough records")

// tailer reads topics for one `murmur tail`.
type tailer struct {
	tailFlags
	client    *kafka.Client
	decoder   *topics.Decoder
	out, warn io.Writer
	asJSON    bool

	positions map[kafka.TopicPartition]int64
	kept      map[kafka.TopicPartition][]topics.Entry // the last ones, for --last
	shown     int
}

func (t *tailer) run(ctx context.Context, names []string, begin func(first, end int64) int64) error {
	if err := t.locate(ctx, names, begin); err != nil {
		return err
	}
	see := t.show
	if t.last > 0 {
		t.kept = make(map[kafka.TopicPartition][]topics.Entry)
		see = t.keep
	}
	// ScanFrom leaves its argument alone, so that the positions can move meanwhile.
	err := t.client.ScanFrom(ctx, kafka.ReadCommitted, t.positions, func(r kafka.Record) error { return see(ctx, r) })
	if err == nil {
		err = t.showKept()
	}
	if err != nil || !t.follow {
		return err
	}
	return t.wait(ctx)
}

// locate finds where to begin. A key lives in one partition of each topic.
func (t *tailer) locate(ctx context.Context, names []string, begin func(first, end int64) int64) error {
	infos, err := t.client.DescribeTopics(ctx, names...)
	if err != nil {
		return err
	}
	var tps []kafka.TopicPartition
	for name, info := range infos {
		only := kafka.AnyPartition
		if t.key != "" {
			only = kafka.PartitionFor([]byte(t.key), int32(len(info.Partitions)))
		}
		for _, p := range info.Partitions {
			if only == kafka.AnyPartition || p.ID == only {
				tps = append(tps, kafka.TopicPartition{Topic: name, Partition: p.ID})
			}
		}
	}
	first, err := t.client.StartOffsets(ctx, tps...)
	if err != nil {
		return err
	}
	end, err := t.client.EndOffsets(ctx, kafka.ReadCommitted, tps...)
	if err != nil {
		return err
	}
	t.positions = make(map[kafka.TopicPartition]int64, len(tps))
	for _, tp := range tps {
		t.positions[tp] = begin(first[tp], end[tp])
	}
	return nil
}

// wait shows what comes in until ctx ends.
func (t *tailer) wait(ctx context.Context) error {
	fetcher := kafka.NewFetcher(t.client, kafka.FetcherConfig{Isolation: kafka.ReadCommitted})
	defer fetcher.Close()
	failing := false
	for {
		pages, err := fetcher.Fetch(ctx, t.positions)
		if err != nil {
			return err
		}
		for _, page := range pages {
			switch {
			case errors.Is(page.Err, kafka.ErrOffsetOutOfRange), errors.Is(page.Err, kafka.ErrUnknownTopic), errors.Is(page.Err, kafka.ErrCorrupt):
				return page.Err
			case page.Err != nil && !failing: // once for an outage
				fmt.Fprintf(t.warn, "murmur: %s: %v; going on trying\n", page.TopicPartition, page.Err)
			}
			failing = page.Err != nil
			if page.Err != nil {
				continue
			}
			for _, r := range page.Records {
				if err := t.show(ctx, r); err != nil {
					return err
				}
			}
			t.positions[page.TopicPartition] = page.Next
		}
	}
}

// passes moves the position and tells whether a record was asked for.
func (t *tailer) passes(r kafka.Record) bool {
	t.positions[r.TopicPartition()] = r.Offset + 1
	return t.key == "" || string(r.Key) == t.key
}

func (t *tailer) show(ctx context.Context, r kafka.Record) error {
	if t.passes(r) {
		if err := t.count(t.decoder.Decode(ctx, r)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// keep holds a record until it is known whether it is among the last.
func (t *tailer) keep(ctx context.Context, r kafka.Record) error {
	if tp := r.TopicPartition(); t.passes(r) {
		if len(t.kept[tp]) == t.last {
			t.kept[tp] = slices.Delete(t.kept[tp], 0, 1)
		}
		t.kept[tp] = append(t.kept[tp], t.decoder.Decode(ctx, r))
	}
	return ctx.Err()
}

func (t *tailer) showKept() error {
	var all []topics.Entry
	for _, entries := range t.kept {
		all = append(all, entries...)
	}
	slices.SortFunc(all, func(a, b topics.Entry) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	for _, e := range all {
		if err := t.count(e); err != nil {
			return err
		}
	}
	return nil
}

func (t *tailer) count(e topics.Entry) error {
	if err := t.print(e); err != nil {
		return err
	}
	if t.shown++; t.shown == t.max {
		return errEnough
	}
	return nil
}

func (t *tailer) print(e topics.Entry) error {
	if t.asJSON {
		return jsonLine(t.out, e)
	}
	what := topics.Describe(nil, e.Record)
	switch {
	case e.Tombstone:
		what = "tombstone: the key is erased"
	case e.Fault != "":
		what = "undecodable: " + e.Fault
	}
	parts := []string{e.Time.Format(timeLayout), place(e), e.Key, version(e.Version), e.Event, e.Status, what}
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	if _, err := fmt.Fprintln(t.out, topics.Printable(strings.Join(parts, "  "))); err != nil || !t.full {
		return err
	}
	return t.printFull(e)
}

// printFull shows everything below the line of a record.
func (t *tailer) printFull(e topics.Entry) error {
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		fmt.Fprintf(t.out, "    %s\n", topics.Printable(name+": "+e.Headers[name]))
	}
	if e.Record == nil {
		return nil
	}
	text, err := json.MarshalIndent(e.Record, "    ", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "    decoded with %s\n    %s\n", e.Schema, text)
	return err
}
