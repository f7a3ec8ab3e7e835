package avro

import (
	"strings"
	"testing"
)

func BenchmarkEncode(b *testing.B) {
	e, value := mustEncoder(b, kitchen, 1), kitchenValue()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Encode(value); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	younger := strings.Replace(kitchen, `"fields": [`, `"fields": [{"name": "added", "type": "int", "default": 7},`, 1)
	framed, err := mustEncoder(b, kitchen, 1).Encode(kitchenValue())
	if err != nil {
		b.Fatal(err)
	}
	for name, reader := range map[string]string{"same": kitchen, "resolved": younger} {
		b.Run(name, func(b *testing.B) {
			d := mustDecoder(b, reader, fixedSource{1: kitchen})
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Decode(b.Context(), framed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkScan is what checking the bytes adds to decoding them.
func BenchmarkScan(b *testing.B) {
	e := mustEncoder(b, kitchen, 1)
	framed, err := e.Encode(kitchenValue())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, f := e.record.shape.scan(framed[frameLength:], 0); f != nil {
			b.Fatal(f)
		}
	}
}
