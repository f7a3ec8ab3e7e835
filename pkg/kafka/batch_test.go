package kafka

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
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

func TestDecode_DeliversCommittedRecordsOnly(t *testing.T) {
	// Producer 1 aborts, then commits; producer 2 commits in between; 9 has no
	// transactions at all.
	set := joinBatches(t,
		logBatch{base: 0, producer: 1, txn: true, records: values("a0", "a1")},
		logBatch{base: 2, producer: 2, txn: true, records: values("b2")},
		logBatch{base: 3, producer: 9, records: values("c3")},
		logBatch{base: 4, producer: 1, txn: true, records: values("a4"), codec: CompressionLZ4},
		logBatch{base: 5, producer: 1, marker: "abort"},
		logBatch{base: 6, producer: 1, txn: true, records: values("a6")},
		logBatch{base: 7, producer: 2, marker: "commit"},
		logBatch{base: 8, producer: 1, marker: "commit"},
		logBatch{base: 9, producer: 1, txn: true, records: values("a9")},
		logBatch{base: 10, producer: 1, marker: "abort"},
	)
	aborted := []abortedTxn{{producerID: 1, first: 9}, {producerID: 1, first: 0}} // in any order
	for from, want := range map[int64][]string{
		0: {"2:b2", "3:c3", "6:a6"},
		1: {"2:b2", "3:c3", "6:a6"},
		3: {"3:c3", "6:a6"},
		7: {},
	} {
		got, next, err := openWindow(ReadCommitted, from, aborted...).decode(nil, set)
		if err != nil || next != 11 || !slices.Equal(read(got), want) {
			t.Errorf("from %d: %v, next %d, %v; want %v", from, read(got), next, err, want)
		}
	}
	got, next, err := openWindow(ReadUncommitted, 0, aborted...).decode(nil, set)
	if want := []string{"0:a0", "1:a1", "2:b2", "3:c3", "4:a4", "6:a6", "9:a9"}; err != nil || next != 11 || !slices.Equal(read(got), want) {
		t.Errorf("uncommitted: %v, next %d, %v; want %v", read(got), next, err, want)
	}
}

func TestDecode_MovesPastWhatIsNotDelivered(t *testing.T) {
	for name, tc := range map[string]struct {
		batch   logBatch
		aborted []abortedTxn
	}{
		"aborted":                 {logBatch{base: 10, producer: 1, txn: true, records: values("x", "y")}, []abortedTxn{{1, 4}}},
		"marker":                  {logBatch{base: 10, span: 1, producer: 1, marker: "commit"}, nil},
		"emptied by compaction":   {logBatch{base: 10, span: 1}, nil},
		"marker without a record": {logBatch{base: 10, span: 1, txn: true}, nil},
		"last records compacted":  {logBatch{base: 8, span: 3, records: values("8")}, nil},
		"abort marker":            {logBatch{base: 10, span: 1, producer: 1, marker: "abort"}, []abortedTxn{{1, 2}}},
	} {
		t.Run(name, func(t *testing.T) {
			raw := tc.batch.bytes(t)
			if name == "marker without a record" {
				raw[atAttributes+1] |= attrControl
				reseal(raw)
			}
			got, next, err := openWindow(ReadCommitted, 10, tc.aborted...).decode(nil, raw)
			if err != nil || len(got) != 0 || next != 12 {
				t.Errorf("%v, next %d, %v; want nothing, 12", read(got), next, err)
			}
		})
	}
}

func TestDecode_KeepsOffsetsOfCompactedBatches(t *testing.T) {
	raw := logBatch{base: 100, span: 9, records: values("a", "b")}.bytes(t)
	// What the cleaner leaves of ten records: the third and the ninth.
	body := appendDeltas(nil, map[int]int{0: 2, 1: 8}, values("a", "b"))
	raw = append(raw[:batchHeaderSize], body...)
	binary.BigEndian.PutUint32(raw[atLength:], uint32(len(raw)-atLeaderEpoch))
	reseal(raw)
	for from, want := range map[int64][]string{100: {"102:a", "108:b"}, 103: {"108:b"}, 109: {}} {
		got, next, err := openWindow(ReadCommitted, from).decode(nil, raw)
		if err != nil || next != 110 || !slices.Equal(read(got), want) {
			t.Errorf("from %d: %v, next %d, %v; want %v", from, read(got), next, err, want)
		}
	}
}

func appendDeltas(dst []byte, deltas map[int]int, recs []Record) []byte {
	for i := range recs {
		one := appendRecords(nil, recs[i:i+1], 0, 0)
		one[3] = byte(2 * deltas[i]) // length, attributes, age, delta: a byte each
		dst = append(dst, one...)
	}
	return dst
}

func TestDecode_LeavesTruncatedTailForTheNextFetch(t *testing.T) {
	first := logBatch{base: 0, records: values("a")}.bytes(t)
	second := logBatch{base: 1, records: values("b")}.bytes(t)
	set := append(slices.Clone(first), second...)
	for cut := len(first); cut < len(set); cut++ {
		got, next, err := openWindow(ReadCommitted, 0).decode(nil, set[:cut])
		if err != nil || next != 1 || !slices.Equal(read(got), []string{"0:a"}) {
			t.Fatalf("cut at %d of %d: %v, next %d, %v", cut, len(set), read(got), next, err)
		}
	}
	for cut := range first {
		if got, next, err := openWindow(ReadCommitted, 5).decode(nil, first[:cut]); err != nil || next != 5 || len(got) != 0 {
			t.Fatalf("cut at %d: %v, next %d, %v", cut, read(got), next, err)
		}
	}
}

func TestDecode_NeverReadsPastTheLastStableOffset(t *testing.T) {
	set := joinBatches(t,
		logBatch{base: 0, producer: 1, txn: true, records: values("a", "b")},
		logBatch{base: 2, producer: 2, txn: true, records: values("c", "d")},
	)
	for until, want := range map[int64]int{0: 0, 1: 1, 2: 2, 3: 3, 4: 4} {
		w := openWindow(ReadCommitted, 0)
		w.until = until
		got, next, err := w.decode(nil, set)
		if err != nil || next != until || len(got) != want {
			t.Errorf("stable to %d: %v, next %d, %v", until, read(got), next, err)
		}
	}
}

func TestDecode_ReportsCorruptionAfterWhatIsGood(t *testing.T) {
	good := logBatch{base: 0, records: values("a")}.bytes(t)
	bad := func(change func(b []byte)) []byte {
		b := logBatch{base: 1, records: values("x", "y"), codec: CompressionNone}.bytes(t)
		change(b)
		return b
	}
	resealed := func(change func(b []byte)) []byte {
		return reseal(bad(change))
	}
	for name, batch := range map[string][]byte{
		"checksum":            bad(func(b []byte) { b[len(b)-1] ^= 1 }),
		"format v1":           bad(func(b []byte) { b[atMagic] = 1 }),
		"negative length":     bad(func(b []byte) { b[atLength] = 0xff }),
		"length below header": bad(func(b []byte) { b[atLength+3] = 3 }),
		"unknown codec":       resealed(func(b []byte) { b[atAttributes+1] |= 6 }),
		"not compressed":      resealed(func(b []byte) { b[atAttributes+1] |= codeZstd }),
		"more records":        resealed(func(b []byte) { b[atCount+3] = 9 }),
		"absurd count":        resealed(func(b []byte) { b[atCount] = 0x7f; b[atLastDelta] = 0x7f }),
		"negative span":       resealed(func(b []byte) { b[atLastDelta] = 0x80 }),
		"offset overflow":     bad(func(b []byte) { copy(b, "\x7f\xff\xff\xff\xff\xff\xff\xff") }),
		"offset repeats":      bad(func(b []byte) { b[atBaseOffset+7] = 0 }),
		"negative offset":     bad(func(b []byte) { b[0] = 0x80 }),
		"record length":       resealed(func(b []byte) { b[batchHeaderSize] = 0x7e }),
		"record delta":        resealed(func(b []byte) { b[batchHeaderSize+3] = 0x7e }),
		"key length":          resealed(func(b []byte) { b[batchHeaderSize+4] = 0x7e }),
		"header count":        resealed(func(b []byte) { b[batchHeaderSize+7] = 0x7e }),
		"overlong varint":     resealed(func(b []byte) { copy(b[batchHeaderSize:], bytes.Repeat([]byte{0xff}, 10)) }),
	} {
		t.Run(name, func(t *testing.T) {
			got, next, err := openWindow(ReadCommitted, 0).decode(nil, slices.Concat(good, batch))
			if !errors.Is(err, ErrCorrupt) || next != 1 || !slices.Equal(read(got), []string{"0:a"}) {
				t.Errorf("%v, next %d, %v", read(got), next, err)
			}
		})
	}
}

func TestDecode_RefusesDecompressionBombs(t *testing.T) {
	for _, c := range codecs[1:] {
		t.Run(c.String(), func(t *testing.T) {
			body, err := c.compress(nil, make([]byte, maxInflatedBytes+1))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := inflate(c.code(), body); err == nil {
				t.Errorf("%d bytes inflated beyond the limit", len(body))
			}
		})
	}
	t.Run("snappy block that lies", func(t *testing.T) {
		if _, err := inflate(codeSnappy, binary.AppendUvarint(nil, math.MaxUint32)); err == nil {
			t.Error("believed")
		}
	})
	t.Run("many gzip members", func(t *testing.T) {
		var one bytes.Buffer
		w := gzip.NewWriter(&one)
		_, _ = w.Write(make([]byte, maxInflatedBytes/2))
		_ = w.Close()
		if _, err := inflate(codeGzip, bytes.Repeat(one.Bytes(), 3)); !errors.Is(err, errInflated) {
			t.Errorf("got %v", err)
		}
	})
}

func TestDecode_EndsThePageBeforeItGrowsTooLarge(t *testing.T) {
	big := make([]byte, maxInflatedBytes/4)
	var set []byte
	for i := range 8 {
		set = append(set, logBatch{base: int64(i), records: []Record{{Value: big}}, codec: CompressionZstd}.bytes(t)...)
	}
	var total int
	next := int64(0)
	for pages := 0; next < 8; pages++ {
		got, after, err := openWindow(ReadCommitted, next).decode(nil, set)
		if err != nil || after == next || len(got) > 5 {
			t.Fatalf("page %d: %d records, next %d after %d, %v", pages, len(got), after, next, err)
		}
		total, next = total+len(got), after
	}
	if total != 8 {
		t.Errorf("%d of 8 records", total)
	}
}

func TestInflate_TakesSnappyInBlocksAndFramed(t *testing.T) {
	text := bytes.Repeat([]byte("a flock that moves as one "), 100)
	block, err := CompressionSnappy.compress(nil, text)
	if err != nil {
		t.Fatal(err)
	}
	framed := slices.Concat(xerial, []byte{0, 0, 0, 1, 0, 0, 0, 1})
	for range 2 {
		framed = binary.BigEndian.AppendUint32(framed, uint32(len(block)))
		framed = append(framed, block...)
	}
	got, err := inflate(codeSnappy, framed)
	if err != nil || !bytes.Equal(got, slices.Concat(text, text)) {
		t.Errorf("framed: %d bytes, %v", len(got), err)
	}
	for cut := range framed[:len(framed)-1] {
		if got, err := inflate(codeSnappy, framed[:cut+1]); err == nil && !bytes.HasPrefix(slices.Concat(text, text), got) {
			t.Fatalf("cut at %d: %d wrong bytes", cut, len(got))
		}
	}
}

func TestDecode_SharesNoMemoryBetweenCompressedPages(t *testing.T) {
	set := joinBatches(t, logBatch{records: values("first"), codec: CompressionGzip}, logBatch{base: 1, records: values("second"), codec: CompressionGzip})
	got, _, err := openWindow(ReadCommitted, 0).decode(nil, set)
	if err != nil {
		t.Fatal(err)
	}
	clear(set) // the response buffer is used again
	for range 4 {
		if _, _, err := openWindow(ReadCommitted, 0).decode(nil, logBatch{records: values("others"), codec: CompressionGzip}.bytes(t)); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"0:first", "1:second"}; !slices.Equal(read(got), want) {
		t.Errorf("%v, want %v", read(got), want)
	}
}
