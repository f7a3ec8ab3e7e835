//go:build e2e

package kafka_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

// One log of transactions in every codec, committed and aborted, in both
// protocols, of several producers at once: pkg/kafka, franz-go and Kafka's own
// console consumer read the same records at the same offsets in the same order.
func TestRead_SeesTheCommittedRecordsThatOthersSee(t *testing.T) {
	t.Parallel()
	r := newRig(t, &one)
	topic := r.topic(1)
	rng := rand.New(rand.NewPCG(1, 2))
	var producers []*kafka.Producer
	for _, protocol := range []kafka.Protocol{kafka.ProtocolV1, kafka.ProtocolV2} {
		for _, c := range codecs {
			p := r.producer(kafka.ProducerConfig{TransactionalID: name("relay"), Protocol: protocol, Compression: c})
			r.must(p.Init(r.ctx))
			producers = append(producers, p)
		}
	}
	const rounds = 8
	committed := map[string]bool{}
	for round := range rounds {
		open := map[*kafka.Txn][]string{}
		var order []*kafka.Txn
		for i, p := range producers {
			vs := made(rng, fmt.Sprintf("%d-%d", round, i))
			txn := r.begin(p, topic, vs...) // beside those of the others
			open[txn], order = vs, append(order, txn)
		}
		rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for i, txn := range order {
			if i%3 == 0 {
				r.must(txn.Abort(r.ctx))
				continue
			}
			r.must(txn.Commit(r.ctx))
			for _, v := range open[txn] {
				committed[v] = true
			}
		}
	}
	r.settle(topic)
	ours := offsetsAndValues(r.scan(topic, kafka.ReadCommitted))
	if len(ours) != len(committed) {
		t.Errorf("%d records, %d were committed", len(ours), len(committed))
	}
	var franz []string
	for _, rec := range r.franz(topic) {
		franz = append(franz, line(rec.Offset, rec.Value))
	}
	same(t, "franz-go", franz, ours)
	same(t, "the console consumer", r.console(topic, len(ours)), ours)
	all := r.scan(topic, kafka.ReadUncommitted)
	for _, rec := range all {
		if _, known := strings.CutPrefix(string(rec.Value), "v"); !known {
			t.Errorf("offset %d: %q is no record of ours", rec.Offset, rec.Value)
		}
	}
	holes := int(all[len(all)-1].Offset) + 1 - len(all)
	t.Logf("%d committed of %d records, %d offsets without any before the last", len(ours), len(all), holes)
	if len(all) <= len(ours) || holes == 0 {
		t.Error("nothing aborted, or no markers: nothing was shown")
	}
}

var codecs = []kafka.Compression{kafka.CompressionNone, kafka.CompressionGzip, kafka.CompressionSnappy, kafka.CompressionLZ4, kafka.CompressionZstd}

// made are some values of up to some kilobytes.
func made(rng *rand.Rand, prefix string) []string {
	vs := make([]string, 1+rng.IntN(4))
	for i := range vs {
		vs[i] = fmt.Sprintf("v%s-%d-%s", prefix, i, strings.Repeat("payload ", rng.IntN(400)))
	}
	return vs
}

func line(offset int64, value []byte) string { return fmt.Sprintf("Offset:%d\t%s", offset, value) }

func offsetsAndValues(records []kafka.Record) []string {
	out := make([]string, len(records))
	for i, rec := range records {
		out[i] = line(rec.Offset, rec.Value)
	}
	return out
}

func same(t *testing.T, who string, theirs, ours []string) {
	t.Helper()
	if slices.Equal(theirs, ours) {
		return
	}
	for i := range max(len(theirs), len(ours)) {
		if i >= len(theirs) || i >= len(ours) || theirs[i] != ours[i] {
			t.Fatalf("%s reads %d records, we %d; the first difference is at %d:\n%.80q\n%.80q", who, len(theirs), len(ours), i, at(theirs, i), at(ours, i))
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}

// Every field of a record survives: an empty value is no tombstone, a key can be
// missing, headers repeat.
func TestRead_KeepsEveryFieldThroughEveryCodec(t *testing.T) {
	t.Parallel()
	r := newRig(t, &one)
	for _, c := range codecs {
		topic := r.topic(1)
		p := r.producer(kafka.ProducerConfig{TransactionalID: name("relay"), Compression: c})
		r.must(p.Init(r.ctx))
		txn, err := p.Begin()
		r.must(err)
		sent := []kafka.Record{
			{Topic: topic, Key: []byte("tombstone")},
			{Topic: topic, Key: []byte("empty"), Value: []byte{}},
			{Topic: topic, Value: []byte("no key")},
			{Topic: topic, Key: []byte("headers"), Value: []byte("ü"), Headers: []kafka.Header{{Key: "a", Value: []byte("1")}, {Key: "a", Value: []byte("2")}, {Key: "none"}}},
			{Topic: topic, Key: []byte("large"), Value: []byte(strings.Repeat("0123456789", 60_000))},
		}
		r.must(txn.Produce(r.ctx, sent...))
		r.must(txn.Commit(r.ctx))
		r.settle(topic)
		ours, theirs := r.scan(topic, kafka.ReadCommitted), r.franz(topic)
		if len(ours) != len(sent) || len(theirs) != len(sent) {
			t.Fatalf("%v: read %d, franz-go %d", c, len(ours), len(theirs))
		}
		for i := range sent {
			if got := describe(ours[i].Key, ours[i].Value, headersOf(ours[i])); got != describe(sent[i].Key, sent[i].Value, headersOf(sent[i])) {
				t.Errorf("%v, record %d: %.200s", c, i, got)
			}
			var headers []string
			for _, h := range theirs[i].Headers {
				headers = append(headers, fmt.Sprintf("%s=%q/%v", h.Key, h.Value, h.Value == nil))
			}
			if got := describe(theirs[i].Key, theirs[i].Value, headers); got != describe(sent[i].Key, sent[i].Value, headersOf(sent[i])) {
				t.Errorf("%v, record %d, franz-go: %.200s", c, i, got)
			}
		}
	}
}

func headersOf(r kafka.Record) (out []string) {
	for _, h := range r.Headers {
		out = append(out, fmt.Sprintf("%s=%q/%v", h.Key, h.Value, h.Value == nil))
	}
	return out
}

func describe(key, value []byte, headers []string) string {
	return fmt.Sprintf("key %q/%v headers %q value %q/%v", key, key == nil, headers, value, value == nil)
}
