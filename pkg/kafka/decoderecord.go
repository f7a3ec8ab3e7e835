package kafka

import (
	"encoding/binary"
)

// headerNames keeps one string per header name: the same few come with every
// record.
type headerNames map[string]string

func (n headerNames) of(b []byte) string {
	if s, ok := n[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(n) < maxHeaderNames {
		n[s] = s
	}
	return s
}

// headerArena hands out the headers of a batch from few allocations.
type headerArena struct {
	names headerNames
	free  []Header
	given int
}

func (a *headerArena) decode(r *varDecoder) []Header {
	n := r.varint()
	if n == 0 || r.bad {
		return nil
	}
	// A header takes two bytes at least.
	if n < 0 || n > int64(len(r.b)/2) || a.given+int(n) > maxBatchHeaders {
		r.bad = true
		return nil
	}
	a.given += int(n)
	if int(n) > len(a.free) {
		const block = 256
		a.free = make([]Header, max(int(n), min(block, a.given*2)))
	}
	out := a.free[:n:n]
	a.free = a.free[n:]
	for i := range out {
		out[i] = Header{Key: a.names.of(r.take(r.varint())), Value: r.nullable()}
	}
	return out
}

// varDecoder reads the zigzag varints of the record format. After a bad read
// every further one gives zero values.
type varDecoder struct {
	b   []byte
	bad bool
}

func (d *varDecoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.b, d.bad = nil, true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *varDecoder) take(n int64) []byte {
	if n < 0 || n > int64(len(d.b)) {
		d.b, d.bad = nil, true
		return nil
	}
	out := d.b[:n:n]
	d.b = d.b[n:]
	return out
}

// nullable tells an absent value (nil) from an empty one.
func (d *varDecoder) nullable() []byte {
	n := d.varint()
	if n == -1 {
		return nil
	}
	return d.take(n)
}
