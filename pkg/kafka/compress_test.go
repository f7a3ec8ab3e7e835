package kafka

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"
)

func TestInflate_RefusesDecompressionBombs(t *testing.T) {
	for _, c := range codecs[1:] {
		t.Run(c.String(), func(t *testing.T) {
			body, err := c.compress(nil, make([]byte, maxInflatedBytes+1))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := inflate(c.code(), body); err == nil {
				t.Errorf("%d bytes inflated beyond the limit", len(body))
			}
		})
	}
	t.Run("snappy block that lies", func(t *testing.T) {
		if _, err := inflate(codeSnappy, binary.AppendUvarint(nil, math.MaxUint32)); err == nil {
			t.Error("believed")
		}
	})
	t.Run("many gzip members", func(t *testing.T) {
		var one bytes.Buffer
		w := gzip.NewWriter(&one)
		_, _ = w.Write(make([]byte, maxInflatedBytes/2))
		_ = w.Close()
		if _, err := inflate(codeGzip, bytes.Repeat(one.Bytes(), 3)); !errors.Is(err, errInflated) {
			t.Errorf("got %v", err)
		}
	})
}

func TestInflate_TakesSnappyInBlocksAndFramed(t *testing.T) {
	text := bytes.Repeat([]byte("a flock that moves as one "), 100)
	block, err := CompressionSnappy.compress(nil, text)
	if err != nil {
		t.Fatal(err)
	}
	framed := slices.Concat(xerial, []byte{0, 0, 0, 1, 0, 0, 0, 1})
	for range 2 {
		framed = binary.BigEndian.AppendUint32(framed, uint32(len(block)))
		framed = append(framed, block...)
	}
	got, err := inflate(codeSnappy, framed)
	if err != nil || !bytes.Equal(got, slices.Concat(text, text)) {
		t.Errorf("framed: %d bytes, %v", len(got), err)
	}
	for cut := range framed[:len(framed)-1] {
		if got, err := inflate(codeSnappy, framed[:cut+1]); err == nil && !bytes.HasPrefix(slices.Concat(text, text), got) {
			t.Fatalf("cut at %d: %d wrong bytes", cut, len(got))
		}
	}
}
