package participant

import (
	"context"
	"reflect"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/avro"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/outbox"
)

// The shape of a position record, and one of a writer that knows more and less.
const (
	positionSchema = `{"type":"record","name":"Position","namespace":"test","fields":[
		{"name":"relay","type":"string"},{"name":"store_epoch","type":"string"},{"name":"batch","type":"long"},
		{"name":"rows","type":{"type":"array","items":{"type":"record","name":"Row","fields":[
			{"name":"kind","type":"string"},{"name":"id","type":"string"},{"name":"version","type":"long"}]}}},
		{"name":"digest","type":"string"},{"name":"published_at","type":{"type":"long","logicalType":"timestamp-micros"}}]}`
	otherSchema = `{"type":"record","name":"Position","namespace":"test","fields":[
		{"name":"batch","type":"string"},{"name":"rows","type":"null"}]}`
)

// source is a registry of two schemas.
type source struct{}

func (source) SchemaByID(_ context.Context, id int) (string, error) {
	switch id {
	case 1:
		return positionSchema, nil
	case 2:
		return otherSchema, nil
	}
	return "", avro.ErrUnknownSchema
}

func fuzzedPositions(tb testing.TB, schema string, id int) *positions {
	tb.Helper()
	encoder, err := avro.NewEncoder(schema, id)
	if err != nil {
		tb.Fatal(err)
	}
	decoder, err := avro.NewDecoder(schema, source{})
	if err != nil {
		tb.Fatal(err)
	}
	return &positions{encoder: encoder, decoder: decoder}
}

// FuzzPosition: whatever stands on a positions topic, a relay that recovers gets
// a position that it could have written itself, or an error.
func FuzzPosition(f *testing.F) {
	ours, other := fuzzedPositions(f, positionSchema, 1), fuzzedPositions(f, otherSchema, 2)
	for _, p := range []outbox.Position{
		{Relay: "order", StoreEpoch: "e-1", Batch: 7, At: 1_750_000_000_000_000, Rows: []eventstore.RowID{
			{Stream: eventstore.StreamID{Kind: "order", ID: "536365"}, Version: 3},
			{Stream: eventstore.StreamID{Kind: "order", ID: "536366"}, Version: 1},
		}},
		{Relay: "order", At: -1},
	} {
		value, err := ours.encode(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(value)
		f.Add(value[:len(value)-2])
	}
	f.Add([]byte{0, 0, 0, 0, 2, 2, '7'})
	f.Fuzz(func(t *testing.T, value []byte) {
		if p, err := other.decode(t.Context(), value); err == nil {
			t.Fatalf("a record of another shape is a position: %+v", p)
		}
		first, err := ours.decode(t.Context(), value)
		if err != nil {
			return
		}
		again, err := ours.encode(first)
		if err != nil {
			t.Fatalf("encode what was decoded: %v", err)
		}
		second, err := ours.decode(t.Context(), again)
		if err != nil || !reflect.DeepEqual(first, second) {
			t.Fatalf("got %+v, then %+v, %v", first, second, err)
		}
	})
}
