package kafka

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"
)

// FuzzDecodeBatches: whatever a log holds, decoding ends, keeps to its bounds and
// never goes back or stands still on a batch that it accepted.
func FuzzDecodeBatches(f *testing.F) {
	for _, c := range codecs {
		f.Add(logBatch{base: 3, records: values("a", "", "c"), codec: c}.bytes(f), int64(4), int64(0), true)
	}
	f.Add(joinBatches(f,
		logBatch{base: 0, producer: 1, txn: true, records: values("a")},
		logBatch{base: 1, producer: 1, marker: "abort"},
		logBatch{base: 2, span: 5},
		logBatch{base: 8, producer: 1, txn: true, records: []Record{{Headers: []Header{{"h", nil}, {"h", []byte("v")}}}}},
		logBatch{base: 9, producer: 1, marker: "commit"},
	), int64(0), int64(0), true)
	f.Add(logBatch{records: values("cut")}.bytes(f)[:70], int64(0), int64(1), false)
	f.Fuzz(func(t *testing.T, set []byte, from, first int64, committed bool) {
		if from < 0 {
			return // positions are offsets
		}
		iso := ReadUncommitted
		if committed {
			iso = ReadCommitted
		}
		for _, set := range [][]byte{set, resealAll(set)} {
			w := openWindow(iso, from, abortedTxn{producerID: 1, first: first})
			got, next, err := w.decode(nil, set)
			checkDecoded(t, w, got, next, err)
			w.until = from + 5
			got, next, err = w.decode(nil, set)
			checkDecoded(t, w, got, next, err)
		}
	})
}

func checkDecoded(t *testing.T, w window, got []Record, next int64, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, ErrCorrupt) {
		t.Fatalf("an error of another kind: %v", err)
	}
	if next < w.from || w.until > w.from && next > w.until {
		t.Fatalf("from %d until %d: next %d", w.from, w.until, next)
	}
	if len(got) > maxPageRecords+maxBatchRecords {
		t.Fatalf("%d records", len(got))
	}
	for _, r := range got {
		if r.Offset < w.from || r.Offset >= w.until || r.Offset >= next {
			t.Fatalf("offset %d in [%d, %d), next %d", r.Offset, w.from, w.until, next)
		}
	}
}

// resealAll makes the checksums right, so that fuzzing gets past them.
func resealAll(set []byte) []byte {
	set = slices.Clone(set)
	for rest := set; len(rest) >= batchHeaderSize; {
		n := int64(binary.BigEndian.Uint32(rest[atLength:])) + atLeaderEpoch
		if n < batchHeaderSize || n > int64(len(rest)) {
			break
		}
		reseal(rest[:n])
		rest = rest[n:]
	}
	return set
}

// FuzzFetchResponse: whatever a broker answers, decoding ends, allocates in
// proportion and tells only of partitions that were asked for.
func FuzzFetchResponse(f *testing.F) {
	asked := map[TopicPartition]int64{{"orders", 0}: 5, {"orders", 1}: 0, {"stock", 0}: 0}
	batch := logBatch{base: 5, producer: 1, txn: true, records: values("a", "b")}.bytes(f)
	f.Add(fetchAnswer(fetchedTopic{"orders", []fetched{
		{TopicPartition: TopicPartition{Partition: 0}, highWatermark: 9, lastStable: 7, aborted: []abortedTxn{{1, 8}}, set: batch},
		{TopicPartition: TopicPartition{Partition: 1}, code: int16(codeOffsetOutOfRange), highWatermark: -1, lastStable: -1},
	}}))
	f.Add(fetchAnswer(fetchedTopic{"stock", []fetched{{code: int16(codeNotLeader)}}}, fetchedTopic{"unasked", []fetched{{set: batch}}}))
	f.Add(fetchAnswer())
	f.Fuzz(func(t *testing.T, answer []byte) {
		for _, iso := range []Isolation{ReadCommitted, ReadUncommitted} {
			r := fetchRequest{cfg: FetcherConfig{Isolation: iso}.withDefaults(), positions: asked}
			pages, err := r.decode(&decoder{b: answer})
			if err != nil && !errors.Is(err, errMalformed) && !errors.As(err, new(Error)) {
				t.Fatalf("an error of another kind: %v", err)
			}
			if len(pages) > len(asked) {
				t.Fatalf("%d pages for %d partitions", len(pages), len(asked))
			}
			for _, p := range pages {
				from, ok := asked[p.TopicPartition]
				if !ok || p.Next < from || p.Err != nil && (len(p.Records) > 0 || p.Next != from) {
					t.Fatalf("%+v", p)
				}
				if iso == ReadCommitted && p.LastStable >= from && p.Next > p.LastStable {
					t.Fatalf("%s: next %d beyond the last stable offset %d", p.TopicPartition, p.Next, p.LastStable)
				}
			}
		}
	})
}

type fetchedTopic struct {
	name       string
	partitions []fetched
}

// fetchAnswer encodes a fetch response as a broker does.
func fetchAnswer(topics ...fetchedTopic) []byte {
	e := encoder{}
	e.i32(0)
	e.i16(0)
	e.i32(0)
	e.arr(len(topics))
	for _, t := range topics {
		e.str(t.name)
		e.arr(len(t.partitions))
		for _, p := range t.partitions {
			e.i32(p.Partition)
			e.i16(p.code)
			e.i64(p.highWatermark)
			e.i64(p.lastStable)
			e.i64(0)
			e.arr(len(p.aborted))
			for _, a := range p.aborted {
				e.i64(a.producerID)
				e.i64(a.first)
				e.tags()
			}
			e.i32(-1)
			e.bytes(p.set)
			e.tags()
		}
		e.tags()
	}
	e.tags()
	return e.b
}

func TestFetchResponse_LeavesOutWhatWasNotAskedFor(t *testing.T) {
	batch := logBatch{records: values("a")}.bytes(t)
	one := fetched{highWatermark: 1, lastStable: 1, set: batch}
	answer := fetchAnswer(fetchedTopic{"asked", []fetched{one, one}}, fetchedTopic{"unasked", []fetched{one}})
	r := fetchRequest{positions: map[TopicPartition]int64{{"asked", 0}: 0}}
	pages, err := r.decode(&decoder{b: answer})
	if err != nil || len(pages) != 1 || pages[0].Topic != "asked" || len(pages[0].Records) != 1 {
		t.Errorf("%+v, %v", pages, err)
	}
	for cut := range answer {
		if pages, err := r.decode(&decoder{b: answer[:cut]}); err == nil {
			t.Fatalf("cut at %d of %d: %+v", cut, len(answer), pages)
		}
	}
}

func TestFetchResponse_StatesTheTruthAboutAnEmptyPartition(t *testing.T) {
	r := fetchRequest{positions: map[TopicPartition]int64{{"t", 0}: math.MaxInt32}}
	pages, err := r.decode(&decoder{b: fetchAnswer(fetchedTopic{"t", []fetched{{highWatermark: 9, lastStable: 3}}})})
	if err != nil || len(pages) != 1 || pages[0].HighWatermark != 9 || pages[0].LastStable != 3 || pages[0].Next != math.MaxInt32 || pages[0].Err != nil {
		t.Errorf("%+v, %v", pages, err)
	}
}
