package schemas

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/linkedin/goavro/v2"
)

// FuzzFromAvro: whatever fields a decoder hands over, each contract type takes
// them as they are or names the one that it cannot take; and what it took can be
// written and read again.
func FuzzFromAvro(f *testing.F) {
	codecs := make([]*goavro.Codec, len(contracts))
	for i, c := range contracts {
		versions := c.versions()
		codec, err := goavro.NewCodec(versions[len(versions)-1])
		if err != nil {
			f.Fatal(err)
		}
		codecs[i] = codec
		for version := range versions {
			f.Add(uint8(i), fuzzSeed(f, c, codec, version+1))
		}
	}
	f.Add(uint8(0), `{"lines":[null,{}],"reason":{"int":1}}`)
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		i := int(which) % len(contracts)
		var fields map[string]any
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		if decoder.Decode(&fields) != nil {
			return
		}
		first, err := contracts[i].fromAvro(asDecoded(fields).(map[string]any))
		if err != nil {
			if !errors.As(err, new(*FieldError)) {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		value, err := codecs[i].BinaryFromNative(nil, first.Avro())
		if err != nil {
			t.Fatalf("encode what was taken: %v", err)
		}
		native, _, err := codecs[i].NativeFromBinary(value)
		if err != nil {
			t.Fatal(err)
		}
		second, err := contracts[i].fromAvro(native.(map[string]any))
		if err != nil || !reflect.DeepEqual(first, second) {
			t.Fatalf("got %+v, then %+v, %v", first, second, err)
		}
	})
}

// The types that JSON has no word for, as a decoder gives them.
const (
	asInt     = "int:"
	asInstant = "instant:"
)

// fuzzSeed is a sample in the generic form, as JSON with words for those types.
func fuzzSeed(f *testing.F, c contract, codec *goavro.Codec, version int) string {
	f.Helper()
	record, err := c.fromJSON([]byte(sample(f, c, version)))
	if err != nil {
		f.Fatal(err)
	}
	value, err := codec.BinaryFromNative(nil, record.Avro())
	if err != nil {
		f.Fatal(err)
	}
	native, _, err := codec.NativeFromBinary(value)
	if err != nil {
		f.Fatal(err)
	}
	text, err := json.Marshal(asWords(native))
	if err != nil {
		f.Fatal(err)
	}
	return string(text)
}

func asWords(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			v[name] = asWords(v[name])
		}
	case []any:
		for i := range v {
			v[i] = asWords(v[i])
		}
	case int32:
		text, _ := json.Marshal(v)
		return asInt + string(text)
	case time.Time:
		return asInstant + v.Format(time.RFC3339Nano)
	}
	return v
}

// asDecoded is the way back: whole numbers are longs, others doubles.
func asDecoded(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			v[name] = asDecoded(v[name])
		}
		return v
	case []any:
		for i := range v {
			v[i] = asDecoded(v[i])
		}
		return v
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		n, _ := v.Float64()
		return n
	case string:
		if text, ok := strings.CutPrefix(v, asInt); ok {
			n, err := json.Number(text).Int64()
			if err == nil && int64(int32(n)) == n {
				return int32(n)
			}
		}
		if text, ok := strings.CutPrefix(v, asInstant); ok {
			at, err := time.Parse(time.RFC3339Nano, text)
			if err == nil && at.Year() < 10_000 && at.Year() > 0 {
				return at.Truncate(time.Microsecond)
			}
		}
	}
	return v
}
