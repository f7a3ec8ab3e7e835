package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"time"
)

// ErrCorrupt is wrapped by every error about a record batch that does not add
// up: a checksum, a length, a codec. Reading it again gives the same; the
// position stays before the batch.
var ErrCorrupt = errors.New("corrupt record batch")

const (
	// maxBatchRecords bounds what one batch makes a reader allocate: a record is
	// seven bytes on the wire and about 130 in memory.
	maxBatchRecords = 1 << 20
	// maxBatchHeaders does the same for headers, two bytes on the wire, 40 in memory.
	maxBatchHeaders = 1 << 20
	// maxPageRecords and maxInflatedBytes end a page before its next batch. What
	// is left is fetched again, so this costs a round trip and loses nothing.
	maxPageRecords = 1 << 17
	// maxHeaderNames bounds the names remembered while one page is decoded.
	maxHeaderNames = 64
)

// abortedTxn is one entry of a fetch response: records of producerID from first
// on, up to its next abort marker, were rolled back.
type abortedTxn struct{ producerID, first int64 }

// window says which part of a record set a reader wants.
type window struct {
	TopicPartition
	from      int64 // first offset wanted; brokers send the whole batch around it
	until     int64 // batches at or past it are left alone; math.MaxInt64: none
	isolation Isolation
	aborted   []abortedTxn // for ReadCommitted: what the broker reported
}

// decode appends the wanted records of set to dst and returns where to read on:
// the offset after the last batch read, whether or not anything in it was
// delivered. Markers, aborted data and the holes that compaction leaves are
// passed over, so a reader that continues from next never stands still. A batch
// cut short at the end of the set is left for the next fetch.
//
// Keys, values and header values alias set, or one buffer per compressed batch.
// With an error, dst and next are what was good before it.
func (w window) decode(dst []Record, set []byte) (_ []Record, next int64, err error) {
	next = w.from
	start, inflated, last := len(dst), 0, int64(-1)
	filter := newAbortFilter(w.isolation, w.aborted)
	names := headerNames{}
	for len(set) >= batchHeaderSize {
		b, rest, whole, err := parseBatch(set)
		if err != nil {
			return dst, next, w.fault(next, err)
		}
		if !whole || b.base >= w.until {
			break
		}
		if b.base <= last {
			return dst, next, w.fault(next, fmt.Errorf("offset %d after %d", b.base, last))
		}
		set, last = rest, b.last
		if b.last < w.from {
			continue
		}
		// The first batch is always read, so that every page makes progress.
		if next > w.from && (len(dst)-start >= maxPageRecords || inflated >= maxInflatedBytes) {
			break
		}
		deliver, err := filter.admit(b)
		if err == nil && deliver && b.count > 0 {
			var body []byte
			if body, err = b.inflated(); err == nil {
				inflated += len(body)
				before := len(dst)
				if dst, err = w.appendBatch(dst, b, body, names); err != nil {
					dst = dst[:before]
				}
			}
		}
		if err != nil {
			return dst, next, w.fault(b.base, err)
		}
		next = min(b.last+1, w.until) // never past what this reader may see
	}
	return dst, next, nil
}

func (w window) fault(offset int64, err error) error {
	return fmt.Errorf("decode %s/%d at %d: %w: %w", w.Topic, w.Partition, offset, ErrCorrupt, err)
}

// rawBatch is a batch whose header was read and whose checksum holds.
type rawBatch struct {
	base, last int64
	attrs      uint16
	baseTime   int64
	maxTime    int64
	producerID int64
	count      int
	body       []byte // the records, compressed as attrs say
}

// parseBatch takes the first batch off a set of at least batchHeaderSize bytes.
func parseBatch(set []byte) (b rawBatch, rest []byte, whole bool, err error) {
	be := binary.BigEndian
	length := int64(int32(be.Uint32(set[atLength:])))
	if magic := set[atMagic]; magic != batchMagic {
		return b, nil, false, fmt.Errorf("message format v%d, want v%d", magic, batchMagic)
	}
	if length < batchHeaderSize-atLeaderEpoch {
		return b, nil, false, fmt.Errorf("length %d", length)
	}
	size := length + atLeaderEpoch
	if size > int64(len(set)) {
		return b, nil, false, nil
	}
	raw := set[:size:size]
	if got, want := crc32.Checksum(raw[atAttributes:], castagnoli), be.Uint32(raw[atCRC:]); got != want {
		return b, nil, false, fmt.Errorf("checksum %08x, want %08x", got, want)
	}
	b = rawBatch{
		base:       int64(be.Uint64(raw[atBaseOffset:])),
		attrs:      be.Uint16(raw[atAttributes:]),
		baseTime:   int64(be.Uint64(raw[atBaseTime:])),
		maxTime:    int64(be.Uint64(raw[atMaxTime:])),
		producerID: int64(be.Uint64(raw[atProducerID:])),
		count:      int(int32(be.Uint32(raw[atCount:]))),
		body:       raw[batchHeaderSize:],
	}
	span := int64(int32(be.Uint32(raw[atLastDelta:])))
	if b.base < 0 || span < 0 || b.base > math.MaxInt64-math.MaxInt32-1 {
		return b, nil, false, fmt.Errorf("offsets %d+%d", b.base, span)
	}
	// Compaction removes records and keeps the span, never the other way round.
	if b.count < 0 || b.count > maxBatchRecords || int64(b.count) > span+1 {
		return b, nil, false, fmt.Errorf("%d records in %d offsets", b.count, span+1)
	}
	b.last = b.base + span
	return b, set[size:], true, nil
}

func (b rawBatch) transactional() bool { return b.attrs&attrTransactional != 0 }
func (b rawBatch) control() bool       { return b.attrs&attrControl != 0 }

func (b rawBatch) inflated() ([]byte, error) {
	code := int8(b.attrs & attrCompression)
	if code == codeNone {
		return b.body, nil
	}
	body, err := inflate(code, b.body)
	if err != nil {
		return nil, fmt.Errorf("inflate: %w", err)
	}
	return body, nil
}

func (b rawBatch) timeOf(delta int64) time.Time {
	if b.attrs&attrLogAppendTime != 0 {
		return time.UnixMilli(b.maxTime)
	}
	return time.UnixMilli(b.baseTime + delta)
}

var errRecord = errors.New("unreadable record")

func (w window) appendBatch(dst []Record, b rawBatch, body []byte, names headerNames) ([]Record, error) {
	// A record takes seven bytes at least: believe no larger count.
	dst = slices.Grow(dst, min(b.count, len(body)/7))
	arena := headerArena{names: names}
	d := varDecoder{b: body}
	last := int64(-1)
	for range b.count {
		r := varDecoder{b: d.take(d.varint())}
		r.take(1) // attributes: none are defined
		age, delta := r.varint(), r.varint()
		rec := Record{Topic: w.Topic, Partition: w.Partition, Offset: b.base + delta}
		rec.Key, rec.Value = r.nullable(), r.nullable()
		rec.Headers = arena.decode(&r)
		if d.bad || r.bad || delta <= last || rec.Offset > b.last {
			return dst, errRecord
		}
		last = delta
		if rec.Offset >= w.from && rec.Offset < w.until {
			rec.Time = b.timeOf(age)
			dst = append(dst, rec)
		}
	}
	return dst, nil
}
