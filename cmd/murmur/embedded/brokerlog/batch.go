package brokerlog

import (
	"encoding/binary"
	"hash/crc32"
	"time"
)

// Parts of a record batch (magic 2), as on the wire.
const (
	headerSize        = 61 // up to the number of records, included
	lengthEnd         = 12 // of first offset and length, which the length does not count
	crcStart          = 21 // what the checksum covers begins here
	attrTransactional = 0x10
	attrControl       = 0x20
	controlTypeAt     = headerSize + 7 // in the only record of a control batch: behind its framing and the key's version
	controlCommit     = 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// batch is the header of one record batch, and its place in a segment.
type batch struct {
	end        int64 // position in the segment behind it
	nextOffset int64
	attributes uint16
	producer   producer
}

// producer names one transaction: under transactions V2 each has an epoch of its
// own.
type producer struct {
	id    int64
	epoch int16
}

func (b batch) control() bool       { return b.attributes&attrControl != 0 }
func (b batch) transactional() bool { return b.attributes&attrTransactional != 0 && !b.control() }

// parse reads the batch at pos; false if what is there is no whole, sound batch,
// which is where the broker truncates a segment too.
func parse(raw []byte, pos int64) (b batch, commit, ok bool) {
	rest := raw[pos:]
	if len(rest) < headerSize {
		return b, false, false
	}
	size := lengthEnd + int64(int32(binary.BigEndian.Uint32(rest[8:])))
	if size < headerSize || size > int64(len(rest)) {
		return b, false, false
	}
	rest = rest[:size]
	if crc32.Checksum(rest[crcStart:], castagnoli) != binary.BigEndian.Uint32(rest[17:]) {
		return b, false, false
	}
	first, last := int64(binary.BigEndian.Uint64(rest)), int64(int32(binary.BigEndian.Uint32(rest[23:])))
	b = batch{
		end: pos + size, nextOffset: first + last + 1, attributes: binary.BigEndian.Uint16(rest[21:]),
		producer: producer{int64(binary.BigEndian.Uint64(rest[43:])), int16(binary.BigEndian.Uint16(rest[51:]))},
	}
	commit = b.control() && size >= controlTypeAt+2 && binary.BigEndian.Uint16(rest[controlTypeAt:]) == controlCommit
	return b, commit, true
}

// marker is the control batch that ends a transaction.
func marker(of producer, commit bool, offset int64, now time.Time) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(offset))
	b = binary.BigEndian.AppendUint32(b, 0)          // length, below
	b = binary.BigEndian.AppendUint32(b, 0xFFFFFFFF) // leader epoch, unknown
	b = append(b, 2)                                 // magic
	b = binary.BigEndian.AppendUint32(b, 0)          // checksum, below
	b = binary.BigEndian.AppendUint16(b, attrTransactional|attrControl)
	b = binary.BigEndian.AppendUint32(b, 0) // last offset delta
	b = binary.BigEndian.AppendUint64(b, uint64(now.UnixMilli()))
	b = binary.BigEndian.AppendUint64(b, uint64(now.UnixMilli()))
	b = binary.BigEndian.AppendUint64(b, uint64(of.id))
	b = binary.BigEndian.AppendUint16(b, uint16(of.epoch))
	b = binary.BigEndian.AppendUint32(b, 0xFFFFFFFF) // no sequence
	b = binary.BigEndian.AppendUint32(b, 1)          // one record
	kind := byte(0)
	if commit {
		kind = controlCommit
	}
	// The record: 16 bytes (zigzag), no attributes and deltas, a key of 4 bytes
	// (version 0, kind), a value of 6 (version 0, coordinator epoch 0), no headers.
	b = append(b, 32, 0, 0, 0, 8, 0, 0, 0, kind, 12, 0, 0, 0, 0, 0, 0, 0)
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-lengthEnd))
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[crcStart:], castagnoli))
	return b
}

// Parts of an index entry: version, checksum of the rest, leader epoch, a timestamp
// that the broker computes anew, and whether the batch is part of a transaction.
const (
	indexEntrySize = 15
	indexVersion   = 1
	indexEpochAt   = 2
	indexFlagsAt   = 14
)

func indexEntry(epoch uint32, transactional bool) []byte {
	e := make([]byte, indexEntrySize)
	e[0] = indexVersion
	binary.LittleEndian.PutUint32(e[indexEpochAt:], epoch)
	if transactional {
		e[indexFlagsAt] = 1
	}
	e[1] = byte(crc32.Checksum(e[indexEpochAt:], castagnoli))
	return e
}
