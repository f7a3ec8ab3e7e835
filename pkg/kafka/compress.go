package kafka

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Compression names the codec of a producer's batches. Readers take any codec.
type Compression int8

// The codecs. CompressionDefault is LZ4: little processor time, about a third of
// the bytes.
const (
	CompressionDefault Compression = iota
	CompressionNone
	CompressionGzip
	CompressionSnappy
	CompressionLZ4
	CompressionZstd
)

// The codes of the codecs in a batch's attributes.
const (
	codeNone = iota
	codeGzip
	codeSnappy
	codeLZ4
	codeZstd
)

const (
	// maxInflatedBytes bounds one batch after decompression. Brokers take 1 MiB
	// batches by default and producers count bytes before compression, so 64 MiB
	// is far above any honest batch and far below a decompression bomb.
	maxInflatedBytes = 64 << 20
	// zstdWindow covers a whole batch of the default size; more would only cost
	// every reader memory.
	zstdWindow = 1 << 20
	// keptScratch is the largest work buffer that is kept for the next batch.
	keptScratch = 4 << 20
)

var errInflated = fmt.Errorf("inflates to more than %d bytes", maxInflatedBytes)

// String is the codec's name in Kafka's compression.type.
func (c Compression) String() string {
	names := [...]string{"lz4", "none", "gzip", "snappy", "lz4", "zstd"}
	if c < 0 || int(c) >= len(names) {
		return fmt.Sprintf("compression(%d)", int8(c))
	}
	return names[c]
}

func (c Compression) valid() bool { return c >= CompressionDefault && c <= CompressionZstd }

func (c Compression) code() int8 {
	if c == CompressionDefault {
		return codeLZ4
	}
	return int8(c) - 1
}

// compress appends src, compressed, to dst.
func (c Compression) compress(dst, src []byte) ([]byte, error) {
	switch c.code() {
	case codeGzip:
		return stream(&gzipWriters, dst, src)
	case codeLZ4:
		return stream(&lz4Writers, dst, src)
	case codeSnappy:
		at := len(dst)
		dst = slices.Grow(dst, snappy.MaxEncodedLen(len(src)))
		block := snappy.Encode(dst[at:cap(dst)], src)
		return append(dst, block...), nil
	case codeZstd:
		return zstdEncoder().EncodeAll(src, dst), nil
	}
	return dst, fmt.Errorf("compress: unknown codec %d", c)
}

// inflate returns src decompressed, in memory of its own.
func inflate(code int8, src []byte) ([]byte, error) {
	buf := getScratch()
	defer putScratch(buf)
	var err error
	switch code {
	case codeGzip:
		*buf, err = inflateGzip((*buf)[:0], src)
	case codeSnappy:
		*buf, err = inflateSnappy((*buf)[:0], src)
	case codeLZ4:
		*buf, err = inflateLZ4((*buf)[:0], src)
	case codeZstd:
		*buf, err = zstdDecoder().DecodeAll(src, (*buf)[:0])
	default:
		return nil, fmt.Errorf("unknown codec %d", code)
	}
	if err != nil {
		return nil, err
	}
	if len(*buf) > maxInflatedBytes {
		return nil, errInflated
	}
	return bytes.Clone(*buf), nil
}

// codecWriter is what gzip and lz4 have in common.
type codecWriter interface {
	io.WriteCloser
	Reset(io.Writer)
}

var (
	gzipWriters = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}
	lz4Writers  = sync.Pool{New: func() any {
		w := lz4.NewWriter(nil)
		// Small blocks: the default of 4 MiB would be allocated for every batch.
		_ = w.Apply(lz4.BlockSizeOption(lz4.Block64Kb), lz4.ConcurrencyOption(1))
		return w
	}}
	gzipReaders = sync.Pool{New: func() any { return new(gzip.Reader) }}
	lz4Readers  = sync.Pool{New: func() any { return lz4.NewReader(nil) }}

	zstdEncoder = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithWindowSize(zstdWindow), zstd.WithZeroFrames(true))
		if err != nil {
			panic(err) // the options are constants
		}
		return e
	})
	zstdDecoder = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxInflatedBytes))
		if err != nil {
			panic(err) // the options are constants
		}
		return d
	})
)

func stream(pool *sync.Pool, dst, src []byte) ([]byte, error) {
	w := pool.Get().(codecWriter)
	defer pool.Put(w)
	out := appender{dst}
	w.Reset(&out)
	if _, err := w.Write(src); err != nil {
		return dst, err
	}
	if err := w.Close(); err != nil {
		return dst, err
	}
	return out.b, nil
}

type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

func inflateGzip(dst, src []byte) ([]byte, error) {
	r := gzipReaders.Get().(*gzip.Reader)
	defer gzipReaders.Put(r)
	if err := r.Reset(bytes.NewReader(src)); err != nil {
		return dst, err
	}
	return drain(dst, r)
}

func inflateLZ4(dst, src []byte) ([]byte, error) {
	r := lz4Readers.Get().(*lz4.Reader)
	defer func() {
		r.Reset(nil)
		lz4Readers.Put(r)
	}()
	r.Reset(bytes.NewReader(src))
	return drain(dst, r)
}

// drain appends what r holds to dst, and no more than a batch may hold.
func drain(dst []byte, r io.Reader) ([]byte, error) {
	const chunk = 64 << 10
	for {
		dst = slices.Grow(dst, chunk)
		n, err := r.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case err == io.EOF:
			return dst, nil
		case err != nil:
			return dst, err
		case len(dst) > maxInflatedBytes:
			return dst, errInflated
		}
	}
}

// xerial is the header of the framing that the Java client puts around snappy
// blocks; other clients send one bare block.
var xerial = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

const xerialHeaderSize = 16 // magic, version, oldest compatible version

var errSnappyFrame = errors.New("snappy frame cut short")

func inflateSnappy(dst, src []byte) ([]byte, error) {
	if !bytes.HasPrefix(src, xerial) {
		return inflateBlock(dst, src)
	}
	if len(src) < xerialHeaderSize {
		return dst, errSnappyFrame
	}
	for src = src[xerialHeaderSize:]; len(src) > 0; {
		if len(src) < 4 {
			return dst, errSnappyFrame
		}
		n := uint64(binary.BigEndian.Uint32(src))
		src = src[4:]
		if n > uint64(len(src)) {
			return dst, errSnappyFrame
		}
		var err error
		if dst, err = inflateBlock(dst, src[:n]); err != nil {
			return dst, err
		}
		src = src[n:]
	}
	return dst, nil
}

func inflateBlock(dst, block []byte) ([]byte, error) {
	n, err := snappy.DecodedLen(block)
	if err != nil {
		return dst, err
	}
	// A block states its size before anything is checked: believe no lie.
	if n > maxInflatedBytes-len(dst) {
		return dst, errInflated
	}
	at := len(dst)
	dst = slices.Grow(dst, n)[:at+n]
	_, err = snappy.Decode(dst[at:], block)
	return dst, err
}

// Work buffers outlive a batch: records are assembled, or inflated, in one and
// copied out at their exact size.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

func getScratch() *[]byte { return scratch.Get().(*[]byte) }

func putScratch(b *[]byte) {
	if cap(*b) <= keptScratch {
		scratch.Put(b)
	}
}
