package kafka

import (
	"encoding/binary"
	"errors"
)

// errMalformed: a response does not have the shape that its version promises.
// Asking again would not help.
var errMalformed = errors.New("kafka: malformed response")

// encoder appends the primitives of the flexible protocol versions: compact
// strings, byte strings and arrays (length+1 as an unsigned varint; 0 = null).
type encoder struct{ b []byte }

func (e *encoder) i8(v int8)   { e.b = append(e.b, byte(v)) }
func (e *encoder) i16(v int16) { e.b = binary.BigEndian.AppendUint16(e.b, uint16(v)) }
func (e *encoder) i32(v int32) { e.b = binary.BigEndian.AppendUint32(e.b, uint32(v)) }
func (e *encoder) i64(v int64) { e.b = binary.BigEndian.AppendUint64(e.b, uint64(v)) }

func (e *encoder) boolean(v bool) {
	if v {
		e.i8(1)
	} else {
		e.i8(0)
	}
}

func (e *encoder) uvarint(v int) { e.b = binary.AppendUvarint(e.b, uint64(v)) }

// str writes a compact string, nullStr a null one.
func (e *encoder) str(s string) { e.uvarint(len(s) + 1); e.b = append(e.b, s...) }
func (e *encoder) nullStr()     { e.uvarint(0) }

// bytes writes a compact byte string; nil is written as empty, not as null.
func (e *encoder) bytes(b []byte) { e.uvarint(len(b) + 1); e.b = append(e.b, b...) }

// arr opens a compact array of n elements; -1 is a null array.
func (e *encoder) arr(n int) { e.uvarint(n + 1) }

// tags closes a structure without tagged fields.
func (e *encoder) tags() { e.uvarint(0) }

// raw appends b as it is (a uuid, say).
func (e *encoder) raw(b []byte) { e.b = append(e.b, b...) }

// decoder reads the same primitives. After the first fault it returns zero
// values, and err stays set: check ok once at the end. Byte strings alias b.
type decoder struct {
	b   []byte
	err bool
}

// ok is errMalformed if anything read so far was not there.
func (d *decoder) ok() error {
	if d.err {
		return errMalformed
	}
	return nil
}

func (d *decoder) take(n int) []byte {
	if d.err || n < 0 || n > len(d.b) {
		d.err = true
		return nil
	}
	b := d.b[:n:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) i8() int8 {
	if b := d.take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

func (d *decoder) i16() int16 {
	if b := d.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (d *decoder) i32() int32 {
	if b := d.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (d *decoder) i64() int64 {
	if b := d.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (d *decoder) boolean() bool { return d.i8() != 0 }

func (d *decoder) uvarint() int {
	v, n := binary.Uvarint(d.b)
	if n <= 0 || v > 1<<31 || d.err {
		d.err = true
		return 0
	}
	d.b = d.b[n:]
	return int(v)
}

// bytes reads a compact byte string; null and empty are both nil or empty.
func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if n == 0 {
		return nil
	}
	return d.take(n - 1)
}

// str reads a compact string; null reads as "".
func (d *decoder) str() string { return string(d.bytes()) }

// arr reads the length of a compact array; a null array reads as -1. It can not
// exceed the bytes that are left, so that a hostile length allocates nothing.
func (d *decoder) arr() int {
	n := d.uvarint() - 1
	if n > len(d.b) {
		d.err = true
	}
	if d.err {
		return 0
	}
	return n
}

// tags reads the tagged fields that close a structure; f, if not nil, looks at
// those it knows.
func (d *decoder) tags(f func(tag int, v *decoder)) {
	for n := d.uvarint(); n > 0 && !d.err; n-- {
		tag := d.uvarint()
		v := decoder{b: d.take(d.uvarint())}
		if f != nil && !d.err {
			f(tag, &v)
			d.err = d.err || v.err
		}
	}
}
