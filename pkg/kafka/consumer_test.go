package kafka

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// consumerTestLimit is how long anything that has to happen may take.
const consumerTestLimit = 15 * time.Second

func consumerContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), consumerTestLimit)
	t.Cleanup(cancel)
	return ctx
}

func consumerClient(t testing.TB, brokers []string) *Client {
	t.Helper()
	c, err := NewClient(Config{Brokers: brokers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// franz is an independent client, to write what we read and to read beside us.
func franz(t testing.TB, brokers []string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(brokers...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.TransactionTimeout(30 * time.Second),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func produce(t testing.TB, cl *kgo.Client, recs ...*kgo.Record) {
	t.Helper()
	if err := cl.ProduceSync(consumerContext(t), recs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// transact writes one transaction, with a batch per call of produce.
func transact(t testing.TB, cl *kgo.Client, commit bool, recs ...*kgo.Record) {
	t.Helper()
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produce(t, cl, recs...)
	if err := cl.EndTransaction(consumerContext(t), kgo.TransactionEndTry(commit)); err != nil {
		t.Fatal(err)
	}
}

func rec(topic string, partition int32, key, value string) *kgo.Record {
	return &kgo.Record{Topic: topic, Partition: partition, Key: []byte(key), Value: []byte(value)}
}

func recs(topic string, partition int32, prefix string, n int) []*kgo.Record {
	out := make([]*kgo.Record, n)
	for i := range out {
		out[i] = rec(topic, partition, fmt.Sprint(prefix, i), fmt.Sprint(prefix, i))
	}
	return out
}

// franzRead is what franz-go reads, read_committed, from an offset to the end.
func franzRead(t testing.TB, brokers []string, tp TopicPartition, from, end int64) []string {
	t.Helper()
	out := []string{}
	if from >= end {
		return out
	}
	cl := franz(t, brokers,
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxWait(50*time.Millisecond),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{tp.Topic: {tp.Partition: kgo.NewOffset().At(from)}}))
	defer cl.Close()
	for at := from; at < end; {
		fetches := cl.PollFetches(consumerContext(t))
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			at = r.Offset + 1
			if !r.Attrs.IsControl() {
				out = append(out, franzLine(r))
			}
		})
		if fetches.NumRecords() == 0 {
			break // nothing but holes up to the end
		}
	}
	return out
}

func franzLine(r *kgo.Record) string {
	return fmt.Sprintf("%d %q=%q nil:%t headers:%d", r.Offset, r.Key, r.Value, r.Value == nil, len(r.Headers))
}

func line(r Record) string {
	return fmt.Sprintf("%d %q=%q nil:%t headers:%d", r.Offset, r.Key, r.Value, r.Value == nil, len(r.Headers))
}

// drain fetches one partition until its position reaches end.
func drainPartition(t testing.TB, f *Fetcher, tp TopicPartition, from, end int64) []string {
	t.Helper()
	out := []string{}
	ctx := consumerContext(t)
	for at := from; at < end; {
		pages, err := f.Fetch(ctx, map[TopicPartition]int64{tp: at})
		if err != nil {
			t.Fatalf("%s at %d of %d: %v", tp, at, end, err)
		}
		for _, p := range pages {
			if p.Err != nil {
				t.Fatalf("%s at %d of %d: %v", tp, at, end, p.Err)
			}
			if p.Next < at {
				t.Fatalf("%s went back from %d to %d", tp, at, p.Next)
			}
			for _, r := range p.Records {
				out = append(out, line(r))
			}
			at = p.Next
		}
	}
	return out
}

func lastStable(t testing.TB, c *Client, tp TopicPartition) int64 {
	t.Helper()
	ends, err := c.EndOffsets(consumerContext(t), ReadCommitted, tp)
	if err != nil {
		t.Fatal(err)
	}
	return ends[tp]
}

// eventuallyTrue polls until ok, with a deadline: for what other processes do at
// their own pace and announce to nobody.
func eventuallyTrue(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(consumerTestLimit); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, consumerTestLimit)
		}
		pause(t.Context(), 2*time.Millisecond)
	}
}

func createTopic(t testing.TB, cl *kgo.Client, topic string, partitions int32, configs map[string]string) {
	t.Helper()
	req := kmsg.NewPtrCreateTopicsRequest()
	rt := kmsg.NewCreateTopicsRequestTopic()
	rt.Topic, rt.NumPartitions, rt.ReplicationFactor = topic, partitions, 1
	for k, v := range configs {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = k, kmsg.StringPtr(v)
		rt.Configs = append(rt.Configs, c)
	}
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(consumerContext(t), cl)
	if err != nil || resp.Topics[0].ErrorCode != 0 {
		t.Fatalf("create %s: %v %+v", topic, err, resp)
	}
}

func diff(got, want []string) string {
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			return fmt.Sprintf("%d records, want %d: missing %s", len(got), len(want), want[i])
		case i >= len(want):
			return fmt.Sprintf("%d records, want %d: extra %s", len(got), len(want), got[i])
		case got[i] != want[i]:
			return fmt.Sprintf("record %d is %s, want %s", i, got[i], want[i])
		}
	}
	return ""
}

func contextThatEnds(t testing.TB, after time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), after)
}

func containsAll(s string, parts ...string) bool {
	return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(s, p) })
}
