package avro

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// kitchen has one field of everything that this package supports.
const kitchen = `{
  "type": "record", "name": "Kitchen", "namespace": "test", "fields": [
    {"name": "text", "type": "string"},
    {"name": "flag", "type": "boolean"},
    {"name": "small", "type": "int"},
    {"name": "big", "type": "long"},
    {"name": "single", "type": "float"},
    {"name": "precise", "type": "double"},
    {"name": "raw", "type": "bytes"},
    {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 4}},
    {"name": "color", "type": {"type": "enum", "name": "Color", "symbols": ["RED", "GREEN"], "default": "RED"}},
    {"name": "items", "type": {"type": "array", "items": {"type": "record", "name": "Item", "fields": [
      {"name": "sku", "type": "string"},
      {"name": "color", "type": "Color"},
      {"name": "note", "type": ["null", "string"], "default": null}
    ]}}},
    {"name": "labels", "type": {"type": "map", "values": "long"}},
    {"name": "either", "type": ["null", "string", "Item", {"type": "long", "logicalType": "timestamp-micros"}]},
    {"name": "day", "type": {"type": "int", "logicalType": "date"}},
    {"name": "hour", "type": {"type": "int", "logicalType": "time-millis"}},
    {"name": "moment", "type": {"type": "long", "logicalType": "time-micros"}},
    {"name": "millis", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "micros", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "extra", "type": "string", "default": "none"}
  ]}`

func kitchenValue() map[string]any {
	at := time.Date(2026, 2, 3, 4, 5, 6, 789_012_000, time.UTC)
	return map[string]any{
		"text": "Grüße", "flag": true, "small": int32(-7), "big": int64(math.MaxInt64),
		"single": float32(1.5), "precise": 0.1, "raw": []byte{0, 255}, "hash": []byte("abcd"),
		"color": "GREEN",
		"items": []any{
			map[string]any{"sku": "A", "color": "RED", "note": nil},
			map[string]any{"sku": "B", "color": "GREEN", "note": map[string]any{"string": ""}},
		},
		"labels": map[string]any{"x": int64(1), "y": int64(-2)},
		"either": map[string]any{"long.timestamp-micros": at},
		"day":    time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC),
		"hour":   90 * time.Minute, "moment": 1500 * time.Microsecond,
		"millis": at.Truncate(time.Millisecond), "micros": at,
		"extra": "some",
	}
}

func mustEncoder(t testing.TB, schema string, id int) *Encoder {
	t.Helper()
	e, err := NewEncoder(schema, id)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func mustDecoder(t testing.TB, schema string, source SchemaSource) *Decoder {
	t.Helper()
	d, err := NewDecoder(schema, source)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestEncode_GivesBackWhatItTook(t *testing.T) {
	framed, err := mustEncoder(t, kitchen, 300).Encode(kitchenValue())
	if err != nil {
		t.Fatal(err)
	}
	if got := framed[:5]; !reflect.DeepEqual(got, []byte{0, 0, 0, 1, 44}) {
		t.Errorf("framed as % x", got)
	}
	got, err := mustDecoder(t, kitchen, fixedSource{300: kitchen}).Decode(t.Context(), framed)
	if err != nil {
		t.Fatal(err)
	}
	if want := kitchenValue(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestEncode_TakesIntsAndDefaults(t *testing.T) {
	value := kitchenValue()
	value["small"], value["big"] = -7, 42
	value["labels"] = map[string]any{"x": 1}
	delete(value, "extra")
	framed, err := mustEncoder(t, kitchen, 1).Encode(value)
	if err != nil {
		t.Fatal(err)
	}
	got, err := mustDecoder(t, kitchen, fixedSource{1: kitchen}).Decode(t.Context(), framed)
	if err != nil {
		t.Fatal(err)
	}
	if got["small"] != int32(-7) || got["big"] != int64(42) || got["extra"] != "none" {
		t.Errorf("got %v", got)
	}
}

func TestEncode_RefusesWhatItWouldLose(t *testing.T) {
	const secret = "s3cr3t"
	cases := []struct {
		name, want string
		change     func(map[string]any)
	}{
		{"a field too many", "colour is not a field of test.Kitchen", func(v map[string]any) { v["colour"] = secret }},
		{"a misspelt nested field", "items[1].sku is missing", func(v map[string]any) {
			v["items"].([]any)[1] = map[string]any{"sKU": secret, "color": "RED"}
		}},
		{"a nested field too many", "items[0].size is not a field of test.Item", func(v map[string]any) {
			v["items"].([]any)[0].(map[string]any)["size"] = 1
		}},
		{"a missing field", "text is missing", func(v map[string]any) { delete(v, "text") }},
		{"a float for a long", "big is float64, want int, int32 or int64 for long", func(v map[string]any) { v["big"] = 12.0 }},
		{"a long for an int", "small does not fit into an int", func(v map[string]any) { v["small"] = int64(1) << 40 }},
		{"a bare value in a union", "either is string, want nil or", func(v map[string]any) { v["either"] = secret }},
		{"a union of two values", "either is map[string]interface {}, want nil or", func(v map[string]any) {
			v["either"] = map[string]any{"string": secret, "test.Item": secret}
		}},
		{"a short name in a union", "either names a branch", func(v map[string]any) { v["either"] = map[string]any{"Item": secret} }},
		{"nil without null", "text is nil, want string", func(v map[string]any) { v["text"] = nil }},
		{"a struct", "items[0] is struct", func(v map[string]any) { v["items"] = []any{struct{ Sku string }{secret}} }},
		{"a typed slice", "items is []map[string]interface {}", func(v map[string]any) { v["items"] = []map[string]any{} }},
		{"text that is not UTF-8", "text is not UTF-8", func(v map[string]any) { v["text"] = secret + "\xff" }},
		{"a key that is not UTF-8", "labels has a key", func(v map[string]any) { v["labels"] = map[string]any{"\xff": int64(1)} }},
		{"bytes for text", "text is []uint8", func(v map[string]any) { v["text"] = []byte(secret) }},
		{"an unknown symbol", "color is not a symbol of test.Color", func(v map[string]any) { v["color"] = secret }},
		{"a fixed of another size", "hash has 6 bytes, want 4", func(v map[string]any) { v["hash"] = []byte(secret) }},
		{"nanoseconds", "micros is finer or further away than timestamp-micros", func(v map[string]any) { v["micros"] = time.Unix(1, 1) }},
		{"microseconds in milliseconds", "millis is finer or further away than timestamp-millis", func(v map[string]any) { v["millis"] = time.Unix(1, 1000) }},
		{"an instant out of range", "micros is finer or further", func(v map[string]any) { v["micros"] = time.Unix(math.MaxInt64/1_000_000+1, 0) }},
		{"a time of day as a date", "day is finer or further", func(v map[string]any) { v["day"] = time.Unix(-1, 0) }},
		{"a duration too fine", "hour is finer or longer than time-millis", func(v map[string]any) { v["hour"] = time.Microsecond }},
		{"a time for a plain long", "big is time.Time, want a number", func(v map[string]any) { v["big"] = time.Unix(0, 0) }},
		{"a double for a float", "single loses precision", func(v map[string]any) { v["single"] = 0.1 }},
	}
	e := mustEncoder(t, kitchen, 1)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			value := kitchenValue()
			c.change(value)
			_, err := e.Encode(value)
			if !errors.Is(err, ErrInvalidValue) || !Permanent(err) {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want it to contain %q", err, c.want)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error shows the value: %v", err)
			}
		})
	}
}

func TestNewEncoder_RefusesSchemas(t *testing.T) {
	cases := map[string]string{
		"no JSON":          `{`,
		"unknown type":     `{"type":"record","name":"R","fields":[{"name":"a","type":"money"}]}`,
		"not a record":     `"string"`,
		"duplicate field":  `{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"a","type":"int"}]}`,
		"wrong default":    `{"type":"record","name":"R","fields":[{"name":"a","type":"int","default":"x"}]}`,
		"decimal":          `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}}]}`,
		"larger than 1 MB": `{"type":"record","name":"R","doc":"` + strings.Repeat("x", 1<<20) + `","fields":[]}`,
	}
	for name, schema := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := NewEncoder(schema, 1); !errors.Is(err, ErrInvalidSchema) {
				t.Errorf("encoder: got %v", err)
			}
			if _, err := NewDecoder(schema, fixedSource{}); !errors.Is(err, ErrInvalidSchema) {
				t.Errorf("decoder: got %v", err)
			}
		})
	}
	for _, id := range []int{-1, 0, math.MaxInt32 + 1} {
		if _, err := NewEncoder(kitchen, id); err == nil {
			t.Errorf("id %d was accepted", id)
		}
	}
}

func TestEncode_RefusesEndlessNesting(t *testing.T) {
	const list = `{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}`
	var value map[string]any
	for range maxDepth {
		if value == nil {
			value = map[string]any{"next": nil}
			continue
		}
		value = map[string]any{"next": map[string]any{"L": value}}
	}
	if _, err := mustEncoder(t, list, 1).Encode(value); !errors.Is(err, ErrInvalidValue) {
		t.Errorf("got %v", err)
	}
}
