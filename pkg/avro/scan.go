package avro

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// scan checks that b starts with a value of the shape and returns what follows
// it. It allocates nothing while all is well.
//
// A count above the number of bytes that follow is a fault, so that nobody
// makes room for items that cannot be there. That also refuses long arrays of
// items without any bytes, such as nulls.
func (s *shape) scan(b []byte, depth int) (rest []byte, f *fault) {
	if depth > maxDepth {
		return nil, faultf("is nested more than %d deep", maxDepth)
	}
	switch s.kind {
	case "record":
		for i := range s.fields {
			if b, f = s.fields[i].shape.scan(b, depth+1); f != nil {
				return nil, f.in(s.fields[i].name)
			}
		}
		return b, nil
	case "union":
		index, rest, f := scanLong(b)
		if f != nil {
			return nil, f
		}
		if index < 0 || index >= int64(len(s.branches)) {
			return nil, faultf("has a branch that its union does not have")
		}
		return s.branches[index].scan(rest, depth+1)
	case "array", "map":
		return s.scanBlocks(b, depth)
	}
	return s.scanLeaf(b)
}

// scanBlocks reads blocks of items until one of no items. A negative count is
// followed by the size of its block in bytes.
func (s *shape) scanBlocks(b []byte, depth int) ([]byte, *fault) {
	for index := 0; ; {
		count, rest, f := scanLong(b)
		if f != nil {
			return nil, f
		}
		if count == 0 {
			return rest, nil
		}
		size := int64(-1)
		if count < 0 {
			if size, rest, f = scanLong(rest); f != nil {
				return nil, f
			}
			count = -count
		}
		if count < 0 || count > int64(len(rest)) {
			return nil, faultf("has a count that its bytes cannot hold")
		}
		b = rest
		for range count {
			if b, f = s.scanItem(b, depth); f != nil {
				return nil, f.at(index)
			}
			index++
		}
		if size >= 0 && size != int64(len(rest)-len(b)) {
			return nil, faultf("has a block of another size than it says")
		}
	}
}

func (s *shape) scanItem(b []byte, depth int) ([]byte, *fault) {
	if s.kind == "map" {
		var f *fault
		if b, f = scanString(b); f != nil {
			return nil, f
		}
	}
	return s.item.scan(b, depth+1)
}

func (s *shape) scanLeaf(b []byte) ([]byte, *fault) {
	switch s.kind {
	case "boolean":
		if len(b) > 0 && b[0] > 1 {
			return nil, faultf("is not a boolean")
		}
		return scanFixed(b, 1)
	case "int", "enum":
		number, rest, f := scanLong(b)
		switch {
		case f != nil:
			return nil, f
		case s.kind == "enum" && (number < 0 || number >= int64(len(s.symbols))):
			return nil, faultf("is not a symbol of %s", s.name)
		case number < math.MinInt32 || number > math.MaxInt32:
			return nil, faultf("does not fit into an int")
		}
		return rest, nil
	case "long":
		number, rest, f := scanLong(b)
		if f == nil && s.logical == "time-micros" && (number < -maxMicros || number > maxMicros) {
			return nil, faultf("does not fit into a duration")
		}
		return rest, f
	case "float":
		return scanFixed(b, 4)
	case "double":
		return scanFixed(b, 8)
	case "fixed":
		return scanFixed(b, s.size)
	case "string":
		return scanString(b)
	case "bytes":
		_, rest, f := scanBytes(b)
		return rest, f
	}
	return b, nil // null
}

// maxMicros is the longest time.Duration in microseconds. goavro would let it
// overflow.
const maxMicros = math.MaxInt64 / 1000

func scanFixed(b []byte, size int) ([]byte, *fault) {
	if len(b) < size {
		return nil, faultf("ends too early")
	}
	return b[size:], nil
}

// scanLong reads a variable-length number, which goavro would let overflow.
func scanLong(b []byte) (int64, []byte, *fault) {
	number, n := binary.Varint(b)
	if n == 0 {
		return 0, nil, faultf("ends too early")
	}
	if n < 0 {
		return 0, nil, faultf("does not fit into a long")
	}
	return number, b[n:], nil
}

func scanBytes(b []byte) (data, rest []byte, f *fault) {
	size, rest, f := scanLong(b)
	if f != nil {
		return nil, nil, f
	}
	if size < 0 || size > int64(len(rest)) {
		return nil, nil, faultf("has a length that its bytes cannot hold")
	}
	return rest[:size], rest[size:], nil
}

func scanString(b []byte) ([]byte, *fault) {
	text, rest, f := scanBytes(b)
	if f != nil {
		return nil, f
	}
	if !utf8.Valid(text) {
		return nil, faultf("is not UTF-8")
	}
	return rest, nil
}
