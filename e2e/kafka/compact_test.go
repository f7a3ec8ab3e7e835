//go:build e2e

package kafka_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

// A log that is cleaned all the time has batches without records, records without
// neighbours and markers of transactions that are gone. From every offset a reader
// gets to the end, with the records that franz-go finds.
func TestCompaction_LeavesHolesThatNoReaderGetsStuckIn(t *testing.T) {
	t.Parallel()
	r := newRig(t, &one)
	topic := r.topic(1, "cleanup.policy", "compact", "segment.ms", "300", "min.cleanable.dirty.ratio", "0.001",
		"delete.retention.ms", "100", "min.compaction.lag.ms", "0", "max.compaction.lag.ms", "500", "file.delete.delay.ms", "100")
	state := r.churn(topic)
	r.rest(topic)
	tp := kafka.TopicPartition{Topic: topic}
	c := r.client()
	ends, err := c.EndOffsets(r.ctx, kafka.ReadCommitted, tp)
	r.must(err)
	var oracle []string
	for _, rec := range r.franz(topic) {
		oracle = append(oracle, line(rec.Offset, rec.Value))
	}
	ours := r.scan(topic, kafka.ReadCommitted)
	same(t, "franz-go", oracle, offsetsAndValues(ours))
	found := map[string]string{}
	for _, rec := range ours {
		if delete(found, string(rec.Key)); rec.Value != nil {
			found[string(rec.Key)] = string(rec.Value)
		}
	}
	if !maps.Equal(found, state) {
		t.Errorf("%d keys at the end, want %d", len(found), len(state))
	}
	t.Logf("%d of %d offsets still have a record", len(ours), ends[tp])
	if int64(len(ours)) > ends[tp]/2 {
		t.Error("hardly anything was compacted: nothing was shown")
	}
	const starts = 60
	for from := int64(0); from < ends[tp]; from += 1 + ends[tp]/starts {
		r.walk(c, tp, from, ends[tp], ours)
	}
}

// churn writes versions, tombstones and aborted transactions over few keys until
// the cleaner has been at them, and returns the last committed version of each.
func (r *rig) churn(topic string) map[string]string {
	r.t.Helper()
	p := r.started(name("relay"), kafka.ProtocolAuto)
	rng := rand.New(rand.NewPCG(3, 4))
	state := map[string]string{}
	version := 0
	const transactions, keys, passes = 400, 40, 5
	for pass := range passes {
		for range transactions / passes {
			next := map[string]string{}
			var batch []kafka.Record
			for range 1 + rng.IntN(6) {
				key := fmt.Sprintf("k%02d", rng.IntN(keys))
				version++
				value := fmt.Sprintf("%s-%d-%s", key, version, strings.Repeat("z", rng.IntN(200)))
				rec := kafka.Record{Topic: topic, Key: []byte(key), Value: []byte(value)}
				if next[key] = value; rng.IntN(6) == 0 {
					rec.Value, next[key] = nil, ""
				}
				batch = append(batch, rec)
			}
			r.write(p, batch, rng.IntN(4) > 0, next, state)
		}
		r.roll(p, topic, pass, state)
	}
	return state
}

// rest stops the cleaner, and waits for what it has begun: readers are compared.
func (r *rig) rest(topic string) {
	r.t.Helper()
	_, err := r.client().ApplyTopics(r.ctx, kafka.TopicSpec{Name: topic, Partitions: 1, Configs: map[string]string{
		"min.compaction.lag.ms": "3600000", "max.compaction.lag.ms": "7200000", "min.cleanable.dirty.ratio": "1",
	}})
	r.must(err)
	last := r.scan(topic, kafka.ReadUncommitted)
	r.eventually("the cleaner's rest", func() bool {
		r.pause(2 * time.Second) // longer than a pass over so little takes
		now := r.scan(topic, kafka.ReadUncommitted)
		quiet := len(now) == len(last)
		last = now
		return quiet
	})
}

func (r *rig) write(p *kafka.Producer, batch []kafka.Record, commit bool, next, state map[string]string) {
	r.t.Helper()
	txn, err := p.Begin()
	r.must(err)
	r.must(txn.Produce(r.ctx, batch...))
	if !commit {
		r.must(txn.Abort(r.ctx))
		return
	}
	r.must(txn.Commit(r.ctx))
	for key, value := range next {
		if state[key] = value; value == "" {
			delete(state, key)
		}
	}
}

// roll starts a new segment, and waits until the cleaner has taken something away:
// it never touches the segment that is written to.
func (r *rig) roll(p *kafka.Producer, topic string, pass int, state map[string]string) {
	r.t.Helper()
	before := len(r.scan(topic, kafka.ReadUncommitted))
	r.eventually("a cleaning", func() bool {
		r.pause(400 * time.Millisecond) // segments roll by age, when they are written to
		key := "roll"
		r.write(p, []kafka.Record{{Topic: topic, Key: []byte(key), Value: []byte(fmt.Sprint(pass))}}, true, map[string]string{key: fmt.Sprint(pass)}, state)
		return len(r.scan(topic, kafka.ReadUncommitted)) < before
	})
}

// walk reads from an offset, a batch at a time, up to the end.
func (r *rig) walk(c *kafka.Client, tp kafka.TopicPartition, from, end int64, want []kafka.Record) {
	r.t.Helper()
	for len(want) > 0 && want[0].Offset < from {
		want = want[1:]
	}
	f := kafka.NewFetcher(c, kafka.FetcherConfig{Isolation: kafka.ReadCommitted, MaxWait: 10 * time.Second, PartitionMaxBytes: 1})
	defer f.Close()
	var got []kafka.Record
	for next := from; next < end; {
		pages, err := f.Fetch(r.ctx, map[kafka.TopicPartition]int64{tp: next})
		r.must(err)
		if len(pages) != 1 || pages[0].Err != nil || pages[0].Next <= next {
			r.t.Fatalf("stuck at %d of %d: %+v", next, end, pages)
		}
		got, next = append(got, pages[0].Records...), pages[0].Next
	}
	same(r.t, "one that begins at "+fmt.Sprint(from), offsetsAndValues(got), offsetsAndValues(want))
}
