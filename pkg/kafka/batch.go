package kafka

import (
	"encoding/binary"
	"hash/crc32"
	"time"
)

// Layout of a record batch in Kafka's message format v2, the only one that
// carries transactions. All fields are big endian; the checksum covers
// everything from the attributes on.
const (
	atBaseOffset    = 0
	atLength        = 8 // of what follows this field
	atLeaderEpoch   = 12
	atMagic         = 16
	atCRC           = 17
	atAttributes    = 21
	atLastDelta     = 23
	atBaseTime      = 27
	atMaxTime       = 35
	atProducerID    = 43
	atProducerEpoch = 51
	atBaseSequence  = 53
	atCount         = 57
	batchHeaderSize = 61
)

const (
	batchMagic = 2

	attrCompression   = 0x07
	attrLogAppendTime = 0x08
	attrTransactional = 0x10
	attrControl       = 0x20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// producerState is what the broker checks a batch against: who writes, in which
// epoch, and the number of the batch's first record within its partition.
type producerState struct {
	id            int64
	epoch         int16
	seq           int32
	transactional bool
}

// appendBatch appends recs as one batch to dst. Offsets are relative, so the
// broker only fills in the base; a record without a time gets now.
func appendBatch(dst []byte, recs []Record, c Compression, p producerState, now time.Time) ([]byte, error) {
	start := len(dst)
	dst = append(dst, make([]byte, batchHeaderSize)...)
	base, newest := timeSpan(recs, now)
	var err error
	if c.code() == codeNone {
		dst = appendRecords(dst, recs, base, now.UnixMilli())
	} else {
		plain := getScratch()
		*plain = appendRecords((*plain)[:0], recs, base, now.UnixMilli())
		dst, err = c.compress(dst, *plain)
		putScratch(plain)
		if err != nil {
			return dst[:start], err
		}
	}
	sealBatch(dst[start:], c, p, len(recs), base, newest)
	return dst, nil
}

func sealBatch(b []byte, c Compression, p producerState, count int, base, newest int64) {
	attrs := uint16(c.code())
	if p.transactional {
		attrs |= attrTransactional
	}
	be := binary.BigEndian
	be.PutUint64(b[atBaseOffset:], 0)
	be.PutUint32(b[atLength:], uint32(len(b)-atLeaderEpoch))
	be.PutUint32(b[atLeaderEpoch:], ^uint32(0)) // -1: the leader fills it in
	b[atMagic] = batchMagic
	be.PutUint16(b[atAttributes:], attrs)
	be.PutUint32(b[atLastDelta:], uint32(count-1))
	be.PutUint64(b[atBaseTime:], uint64(base))
	be.PutUint64(b[atMaxTime:], uint64(newest))
	be.PutUint64(b[atProducerID:], uint64(p.id))
	be.PutUint16(b[atProducerEpoch:], uint16(p.epoch))
	be.PutUint32(b[atBaseSequence:], uint32(p.seq))
	be.PutUint32(b[atCount:], uint32(count))
	be.PutUint32(b[atCRC:], crc32.Checksum(b[atAttributes:], castagnoli))
}

// timeSpan is the first record's time and the newest one, in milliseconds.
func timeSpan(recs []Record, now time.Time) (base, newest int64) {
	fallback := now.UnixMilli()
	for i := range recs {
		at := recordMillis(&recs[i], fallback)
		if i == 0 {
			base, newest = at, at
		}
		newest = max(newest, at)
	}
	return base, newest
}

func recordMillis(r *Record, fallback int64) int64 {
	if r.Time.IsZero() {
		return fallback
	}
	return r.Time.UnixMilli()
}

func appendRecords(dst []byte, recs []Record, baseTime, fallback int64) []byte {
	for i := range recs {
		r := &recs[i]
		age := recordMillis(r, fallback) - baseTime
		dst = binary.AppendVarint(dst, int64(recordBodySize(r, age, int64(i))))
		dst = append(dst, 0) // record attributes: none are defined
		dst = binary.AppendVarint(dst, age)
		dst = binary.AppendVarint(dst, int64(i))
		dst = appendNullable(dst, r.Key)
		dst = appendNullable(dst, r.Value)
		dst = binary.AppendVarint(dst, int64(len(r.Headers)))
		for _, h := range r.Headers {
			dst = binary.AppendVarint(dst, int64(len(h.Key)))
			dst = append(dst, h.Key...)
			dst = appendNullable(dst, h.Value)
		}
	}
	return dst
}

func appendNullable(dst, b []byte) []byte {
	if b == nil {
		return binary.AppendVarint(dst, -1)
	}
	return append(binary.AppendVarint(dst, int64(len(b))), b...)
}

func recordBodySize(r *Record, age, delta int64) int {
	n := 1 + varintSize(age) + varintSize(delta) +
		nullableSize(r.Key) + nullableSize(r.Value) + varintSize(int64(len(r.Headers)))
	for _, h := range r.Headers {
		n += varintSize(int64(len(h.Key))) + len(h.Key) + nullableSize(h.Value)
	}
	return n
}

// maxRecordSize bounds what r takes inside a batch before compression, wherever
// it stands there. A batch of records takes at most batchHeaderSize plus the
// sum.
func maxRecordSize(r *Record) int {
	const farthest = 1 << 30 // five bytes as a varint: no batch holds more records
	body := recordBodySize(r, 0, farthest) + binary.MaxVarintLen64 - 1
	return varintSize(int64(body)) + body
}

func nullableSize(b []byte) int {
	if b == nil {
		return 1
	}
	return varintSize(int64(len(b))) + len(b)
}

func varintSize(v int64) int {
	u := uint64(v<<1) ^ uint64(v>>63)
	n := 1
	for ; u >= 0x80; u >>= 7 {
		n++
	}
	return n
}
