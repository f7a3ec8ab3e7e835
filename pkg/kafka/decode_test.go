package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
)

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
