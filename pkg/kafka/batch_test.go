package kafka

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var codecs = []Compression{CompressionNone, CompressionGzip, CompressionSnappy, CompressionLZ4, CompressionZstd}

// logBatch describes a batch as it stands in a log.
type logBatch struct {
	base     int64
	span     int32 // lastOffsetDelta; 0: from the records
	records  []Record
	producer int64
	txn      bool
	marker   string // "commit", "abort": a control batch
	codec    Compression
}

func (b logBatch) bytes(tb testing.TB) []byte {
	tb.Helper()
	recs := b.records
	if b.marker != "" {
		key := []byte{0, 0, 0, 0}
		if b.marker == "commit" {
			key[3] = 1
		}
		recs = []Record{{Key: key, Value: make([]byte, 6)}}
	}
	if b.codec == CompressionDefault {
		b.codec = CompressionNone
	}
	raw, err := appendBatch(nil, recs, b.codec, producerState{id: b.producer, transactional: b.txn}, time.UnixMilli(1))
	if err != nil {
		tb.Fatal(err)
	}
	binary.BigEndian.PutUint64(raw[atBaseOffset:], uint64(b.base))
	if b.span > 0 || len(recs) == 0 {
		binary.BigEndian.PutUint32(raw[atLastDelta:], uint32(b.span))
	}
	if b.marker != "" {
		raw[atAttributes+1] |= attrControl | attrTransactional
	}
	return reseal(raw)
}

// reseal makes the checksum right again.
func reseal(raw []byte) []byte {
	binary.BigEndian.PutUint32(raw[atCRC:], crc32.Checksum(raw[atAttributes:], castagnoli))
	return raw
}

func joinBatches(tb testing.TB, batches ...logBatch) []byte {
	tb.Helper()
	var set []byte
	for _, b := range batches {
		set = append(set, b.bytes(tb)...)
	}
	return set
}

// values makes one record per value.
func values(vs ...string) []Record {
	out := make([]Record, len(vs))
	for i, v := range vs {
		out[i] = Record{Value: []byte(v)}
	}
	return out
}

func openWindow(iso Isolation, from int64, aborted ...abortedTxn) window {
	return window{TopicPartition: TopicPartition{"t", 0}, from: from, until: math.MaxInt64, isolation: iso, aborted: aborted}
}

// read is "offset:value" of every record delivered.
func read(recs []Record) []string {
	out := []string{}
	for _, r := range recs {
		out = append(out, fmt.Sprintf("%d:%s", r.Offset, r.Value))
	}
	return out
}

func TestBatch_RoundTripsEveryCodec(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 200_000)
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	recs := []Record{
		{Key: []byte("k"), Value: []byte("v"), Time: time.UnixMilli(1700000000123), Headers: []Header{{"a", []byte("1")}, {"a", nil}, {"", []byte{}}}},
		{Key: nil, Value: nil, Time: time.UnixMilli(1600000000000)},
		{Key: []byte{}, Value: []byte{}},
		{Value: noise},
		{Value: bytes.Repeat([]byte("murmur"), 50_000), Headers: []Header{{"trace", []byte("x")}}},
	}
	now := time.UnixMilli(1750000000000)
	for _, c := range codecs {
		t.Run(c.String(), func(t *testing.T) {
			raw, err := appendBatch([]byte("before"), recs, c, producerState{id: 7, epoch: 3, seq: 11, transactional: true}, now)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.HasPrefix(raw, []byte("before")) {
				t.Error("appendBatch changed what was there before")
			}
			got, next, err := openWindow(ReadCommitted, 0).decode(nil, raw[len("before"):])
			if err != nil || next != int64(len(recs)) || len(got) != len(recs) {
				t.Fatalf("decoded %d records, next %d, %v", len(got), next, err)
			}
			for i, r := range got {
				want := recs[i]
				if want.Time.IsZero() {
					want.Time = now
				}
				same := r.Offset == int64(i) && r.Topic == "t" && r.Time.Equal(want.Time) &&
					sameBytes(r.Key, want.Key) && sameBytes(r.Value, want.Value) &&
					slices.EqualFunc(r.Headers, want.Headers, func(a, b Header) bool { return a.Key == b.Key && sameBytes(a.Value, b.Value) })
				if !same {
					t.Errorf("record %d came back different", i)
				}
			}
		})
	}
}

// sameBytes tells nil from empty.
func sameBytes(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

func TestBatch_LogAppendTimeIsTheTimeOfEveryRecord(t *testing.T) {
	raw := logBatch{records: values("a", "b")}.bytes(t)
	raw[atAttributes+1] |= attrLogAppendTime
	binary.BigEndian.PutUint64(raw[atMaxTime:], 5000)
	got, _, err := openWindow(ReadUncommitted, 0).decode(nil, reseal(raw))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range got {
		if r.Time.UnixMilli() != 5000 {
			t.Errorf("offset %d: time %v", r.Offset, r.Time)
		}
	}
}

func TestMaxRecordSize_BoundsTheEncodedRecord(t *testing.T) {
	recs := []Record{{}, {Key: []byte("k"), Value: make([]byte, 300), Headers: []Header{{"h", nil}, {"i", make([]byte, 128)}}, Time: time.UnixMilli(5)}}
	for range 200 {
		recs = append(recs, recs[1])
	}
	raw, err := appendBatch(nil, recs, CompressionNone, producerState{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	bound := batchHeaderSize
	for i := range recs {
		bound += maxRecordSize(&recs[i])
	}
	if len(raw) > bound || bound > len(raw)+20*len(recs) {
		t.Errorf("batch of %d bytes, bounded by %d", len(raw), bound)
	}
}
