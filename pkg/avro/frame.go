package avro

import (
	"encoding/binary"
	"fmt"
	"math"
)

const (
	frameMagic  = 0x00
	frameLength = 5 // the magic byte and four bytes of id, big endian
)

// FrameID splits a framed value into the id of the schema it was written with
// and the encoded record, which shares the memory of framed. It fails with
// ErrNotFramed, also for the empty value of a tombstone: check for that first.
func FrameID(framed []byte) (id int, body []byte, err error) {
	if len(framed) < frameLength {
		return 0, nil, fmt.Errorf("read schema id: %d bytes: %w", len(framed), ErrNotFramed)
	}
	if framed[0] != frameMagic {
		return 0, nil, fmt.Errorf("read schema id: first byte is %#02x: %w", framed[0], ErrNotFramed)
	}
	number := binary.BigEndian.Uint32(framed[1:frameLength])
	if number == 0 || number > math.MaxInt32 {
		return 0, nil, fmt.Errorf("read schema id: %d is none: %w", number, ErrNotFramed)
	}
	return int(number), framed[frameLength:], nil
}

func appendFrame(dst []byte, id int) []byte {
	return binary.BigEndian.AppendUint32(append(dst, frameMagic), uint32(id))
}
