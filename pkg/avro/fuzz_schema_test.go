package avro

import "testing"

// FuzzWriterSchema: whatever a registry gives out as the schema that a record
// was written with, reading the record gives a record or an error.
func FuzzWriterSchema(f *testing.F) {
	framed := append([]byte{0, 0, 0, 0, 9}, encodeV2(f)[5:]...)
	f.Add(orderV1, framed)
	f.Add(orderV2, framed)
	f.Add(kitchen, framed)
	f.Add(`{"type":"record","name":"Order","fields":[{"name":"next","type":["null","Order"]}]}`, []byte{0, 0, 0, 0, 9, 2, 2, 0})
	f.Add(`{"type":"array","items":"null"}`, []byte{0, 0, 0, 0, 9, 0xfe, 0xff, 0xff, 0xff, 0x0f})
	f.Add(`"string"`, []byte{0, 0, 0, 0, 9, 2, 'a'})
	f.Fuzz(func(t *testing.T, schema string, value []byte) {
		decoder := mustDecoder(t, orderV1, fixedSource{9: schema})
		if _, err := decoder.Decode(t.Context(), value); err != nil && !Permanent(err) {
			t.Fatalf("a fault of the bytes is transient: %v", err)
		}
		_, _ = NewEncoder(schema, 9)
	})
}
