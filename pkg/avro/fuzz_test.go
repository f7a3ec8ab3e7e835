package avro

import (
	"reflect"
	"testing"
)

// FuzzDecode: arbitrary bytes never panic, whatever is decoded can be encoded,
// and it then decodes to the same record.
func FuzzDecode(f *testing.F) {
	younger := `{"type":"record","name":"Kitchen","namespace":"test","fields":[
		{"name":"big","type":"long"},
		{"name":"color","type":{"type":"enum","name":"Color","symbols":["RED"],"default":"RED"}},
		{"name":"either","type":["null","string",{"type":"record","name":"Item","fields":[{"name":"sku","type":"string"}]},"long"]},
		{"name":"added","type":"string","default":"x"}]}`
	source := fixedSource{1: kitchen, 2: orderV2}
	same, resolving := mustDecoder(f, kitchen, source), mustDecoder(f, younger, source)
	again := mustEncoder(f, kitchen, 1)

	framed, err := again.Encode(kitchenValue())
	if err != nil {
		f.Fatal(err)
	}
	if _, err := resolving.Decode(f.Context(), framed); err != nil {
		f.Fatal(err) // or the half of the fuzzing that resolves would test nothing
	}
	f.Add(framed)
	f.Add(framed[:len(framed)/2])
	f.Add(encodeV2(f))
	f.Add([]byte{0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := resolving.Decode(t.Context(), data); err != nil && !Permanent(err) {
			t.Fatalf("a fault of the bytes is transient: %v", err)
		}
		first, err := same.Decode(t.Context(), data)
		if err != nil {
			return
		}
		for _, nan := range []string{"single", "precise"} { // NaN differs from itself
			first[nan] = map[string]any{"single": float32(0), "precise": 0.0}[nan]
		}
		framed, err := again.Encode(first)
		if err != nil {
			t.Fatalf("encode what was decoded: %v", err)
		}
		second, err := same.Decode(t.Context(), framed)
		if err != nil {
			t.Fatalf("decode what was encoded: %v", err)
		}
		if !reflect.DeepEqual(first, second) {
			t.Fatalf("got %v, then %v", first, second)
		}
	})
}
