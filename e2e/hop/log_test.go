//go:build e2e

package hop

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

// ends are where a topic's only partition ends, for readers of everything and of
// what is committed.
func (r *rig) ends(topic string) (all, stable int64) {
	r.t.Helper()
	tp := kafka.TopicPartition{Topic: topic}
	stables, err := r.client.EndOffsets(r.ctx, kafka.ReadCommitted, tp)
	r.must(err)
	highs, err := r.client.EndOffsets(r.ctx, kafka.ReadUncommitted, tp)
	r.must(err)
	return highs[tp], stables[tp]
}

// settled returns where a topic ends once no transaction is open there: markers are
// written after a commit was acknowledged.
func (r *rig) settled(topic string) (end int64) {
	r.t.Helper()
	r.eventually(say("the end of every transaction on "+topic), func() bool {
		high, stable := r.ends(topic)
		end = high
		return stable == high
	})
	return end
}

// read returns what is committed to a topic, as franz-go sees it.
func (r *rig) read(topic string) []*kgo.Record {
	r.t.Helper()
	end := r.settled(topic)
	if end == 0 {
		return nil
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(all.Kafka.Addresses()...), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // the last one is a marker
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	r.must(err)
	defer cl.Close()
	var out []*kgo.Record
	for {
		fetches := cl.PollFetches(r.ctx)
		r.must(fetches.Err())
		for _, rec := range fetches.Records() {
			if !rec.Attrs.IsControl() {
				out = append(out, rec)
			}
			if rec.Offset == end-1 {
				return out
			}
		}
	}
}

// check fails the test unless the log has what was committed: every version of every
// stream once, in order.
func (r *rig) check(when string) {
	r.t.Helper()
	published := map[string][]int64{}
	for _, rec := range r.read(r.orders) {
		version, err := strconv.ParseInt(string(rec.Value), 10, 64)
		r.must(err)
		published[string(rec.Key)] = append(published[string(rec.Key)], version)
	}
	var faults []string
	for _, id := range slices.Sorted(maps.Keys(r.versions)) {
		faults = append(faults, compare(id, published[id], r.versions[id])...)
	}
	if len(faults) > 0 {
		r.t.Fatalf("%s: %s", when, strings.Join(faults, "; "))
	}
}

// compare tells how a list differs from 1, 2, … to last.
func compare(id string, got []int64, last int64) (faults []string) {
	times := map[int64]int{}
	highest := int64(0)
	for _, v := range got {
		times[v]++
		if times[v] == 1 && v < highest {
			faults = append(faults, fmt.Sprintf("%s: %d comes after %d", id, v, highest))
		}
		highest = max(highest, v)
	}
	for v := int64(1); v <= last; v++ {
		switch n := times[v]; n {
		case 0:
			faults = append(faults, fmt.Sprintf("%s: %d is lost", id, v))
		case 1:
		default:
			faults = append(faults, fmt.Sprintf("%s: %d is there %d times", id, v, n))
		}
	}
	if highest > last {
		faults = append(faults, fmt.Sprintf("%s: %d was never committed", id, highest))
	}
	return faults
}
