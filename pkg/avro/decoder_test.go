package avro

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

// The history of one schema. Each version can read and be read by the others.
const (
	orderV1 = `{"type":"record","name":"Order","namespace":"test","fields":[
		{"name":"id","type":"string"},
		{"name":"status","type":{"type":"enum","name":"Status","symbols":["UNKNOWN","PLACED"],"default":"UNKNOWN"}},
		{"name":"total","type":"long"},
		{"name":"coupon","type":"string","default":""},
		{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}}]}`
	// Reordered, coupon removed, note and lines added, a symbol more.
	orderV2 = `{"type":"record","name":"Order","namespace":"test","fields":[
		{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},
		{"name":"total","type":"long"},
		{"name":"status","type":{"type":"enum","name":"Status","symbols":["UNKNOWN","PLACED","PAUSED"],"default":"UNKNOWN"}},
		{"name":"note","type":["null","string"],"default":null},
		{"name":"lines","type":{"type":"array","items":"string"},"default":[]},
		{"name":"id","type":"string"}]}`
	// A required field more: cannot read the others.
	orderBroken = `{"type":"record","name":"Order","namespace":"test","fields":[
		{"name":"id","type":"string"},{"name":"must","type":"string"}]}`
)

var (
	versions = fixedSource{1: orderV1, 2: orderV2, 3: orderBroken, 4: `{"type":"record"`}
	placedAt = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
)

func encodeV1(t testing.TB) []byte {
	t.Helper()
	framed, err := mustEncoder(t, orderV1, 1).Encode(map[string]any{
		"id": "order-42", "status": "PLACED", "total": 1299, "coupon": "X", "at": placedAt,
	})
	if err != nil {
		t.Fatal(err)
	}
	return framed
}

func encodeV2(t testing.TB) []byte {
	t.Helper()
	framed, err := mustEncoder(t, orderV2, 2).Encode(map[string]any{
		"id": "order-42", "status": "PAUSED", "total": 1299, "at": placedAt,
		"note": map[string]any{"string": "gift"}, "lines": []any{"a", "b"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return framed
}

func TestDecode_ResolvesAnOlderWriter(t *testing.T) {
	got, err := mustDecoder(t, orderV2, versions).Decode(t.Context(), encodeV1(t))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"id": "order-42", "status": "PLACED", "total": int64(1299), "at": placedAt,
		"note": nil, "lines": []any{},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v\nwant %#v", got, want)
	}
}

func TestDecode_ResolvesAYoungerWriter(t *testing.T) {
	got, err := mustDecoder(t, orderV1, versions).Decode(t.Context(), encodeV2(t))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"id": "order-42", "status": "UNKNOWN", "total": int64(1299), "at": placedAt, "coupon": "",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v\nwant %#v", got, want)
	}
}

// Unions of several branches, bytes and logical types have to survive the way
// through the reader's schema.
func TestDecode_ResolvesEveryType(t *testing.T) {
	younger := strings.Replace(kitchen, `"fields": [`, `"fields": [{"name": "added", "type": "int", "default": 7},`, 1)
	framed, err := mustEncoder(t, kitchen, 1).Encode(kitchenValue())
	if err != nil {
		t.Fatal(err)
	}
	got, err := mustDecoder(t, younger, fixedSource{1: kitchen}).Decode(t.Context(), framed)
	if err != nil {
		t.Fatal(err)
	}
	want := kitchenValue()
	want["added"] = int32(7)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v\nwant %#v", got, want)
	}
}

func TestDecode_ResolvesUnionsByBranch(t *testing.T) {
	const schema = `{"type":"record","name":"R","namespace":"n","fields":[%s{"name":"u","type":["int","long","string","bytes",
		{"type":"record","name":"A","fields":[{"name":"x","type":"int"}]},
		{"type":"record","name":"B","fields":[{"name":"x","type":"int"}]}]}]}`
	writer := fmt.Sprintf(schema, "")
	reader := fmt.Sprintf(schema, `{"name":"added","type":"int","default":1},`)
	for _, branch := range []map[string]any{
		{"int": int32(5)}, {"long": int64(5)}, {"string": "s"}, {"bytes": []byte("s")},
		{"n.A": map[string]any{"x": int32(1)}}, {"n.B": map[string]any{"x": int32(1)}},
	} {
		framed, err := mustEncoder(t, writer, 1).Encode(map[string]any{"u": branch})
		if err != nil {
			t.Fatal(err)
		}
		got, err := mustDecoder(t, reader, fixedSource{1: writer}).Decode(t.Context(), framed)
		if err != nil {
			t.Fatalf("%v: %v", branch, err)
		}
		if !reflect.DeepEqual(got["u"], any(branch)) {
			t.Errorf("got %#v, want %#v", got["u"], branch)
		}
	}
}

func TestDecode_RefusesForEver(t *testing.T) {
	v1 := encodeV1(t)
	frame := func(id uint32, body ...byte) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{0}, id), body...)
	}
	cases := []struct {
		name   string
		framed []byte
		kind   error
	}{
		{"a tombstone", nil, ErrNotFramed},
		{"four bytes", []byte{0, 0, 0, 1}, ErrNotFramed},
		{"text", []byte(`{"id":"order-42"}`), ErrNotFramed},
		{"id 0", frame(0), ErrNotFramed},
		{"an id beyond int32", frame(1 << 31), ErrNotFramed},
		{"an id that the registry does not have", frame(99, 1), ErrUnknownSchema},
		{"an id of something that is no schema", frame(4, 1), ErrInvalidSchema},
		{"a schema that the reader cannot read", frame(3, 0, 0), ErrIncompatible},
		{"a record cut off", v1[:len(v1)-1], ErrCorrupt},
		{"bytes after the record", append(bytes.Clone(v1), 0), ErrCorrupt},
		{"no record", frame(1), ErrCorrupt},
		{"a symbol that the enum does not have", frame(1, 2, 'x', 8, 0, 0, 0), ErrCorrupt},
		{"text that is not UTF-8", frame(1, 2, 0xff, 0, 0, 0, 0), ErrCorrupt},
		{"a length beyond the record", frame(1, 0xfe, 0xff, 0xff, 0xff, 0x0f), ErrCorrupt},
		{"a negative length", frame(1, 1), ErrCorrupt},
		{"a number of eleven bytes", frame(1, 0, 2, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 0, 0), ErrCorrupt},
		{"a union branch that there is not", frame(2, 0, 0, 0, 4, 0, 0), ErrCorrupt},
		{"an array of two thousand million items", frame(2, 0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0), ErrCorrupt},
		{"an array block of another size", frame(2, 0, 0, 0, 0, 1, 6, 2, 'a', 0, 0), ErrCorrupt},
	}
	for _, reader := range []string{orderV1, orderV2} {
		d := mustDecoder(t, reader, versions)
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				got, err := d.Decode(t.Context(), c.framed)
				if !errors.Is(err, c.kind) || !Permanent(err) || got != nil {
					t.Errorf("got %v, %v", got, err)
				}
			})
		}
	}
}

func TestDecode_ReadsBlocksWithSizes(t *testing.T) {
	// at 0, total 0, UNKNOWN, no note, lines as a block of −1 item in 2 bytes, id
	body := []byte{0, 0, 0, 0, 1, 4, 2, 'a', 0, 2, 'x'}
	got, err := mustDecoder(t, orderV2, versions).Decode(t.Context(), append(appendFrame(nil, 2), body...))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got["lines"], []any{"a"}) || got["id"] != "x" {
		t.Errorf("got %v", got)
	}
}

func TestDecode_ErrorsCarryPathsWithoutValues(t *testing.T) {
	const secret = "Ada Lovelace"
	framed, err := mustEncoder(t, kitchen, 1).Encode(func() map[string]any {
		v := kitchenValue()
		v["items"] = []any{map[string]any{"sku": secret, "color": "RED", "note": nil}}
		return v
	}())
	if err != nil {
		t.Fatal(err)
	}
	broken := bytes.Replace(framed, []byte(secret), []byte("Ada Lovelac\xff"), 1)
	for _, reader := range []string{kitchen, strings.Replace(kitchen, `"none"`, `"any"`, 1)} {
		_, err = mustDecoder(t, reader, fixedSource{1: kitchen}).Decode(t.Context(), broken)
		if err == nil || !strings.Contains(err.Error(), "items[0].sku is not UTF-8") {
			t.Errorf("got %v", err)
		}
		if strings.Contains(fmt.Sprint(err), "Ada") {
			t.Errorf("the error shows the value: %v", err)
		}
	}
}

func TestDecode_SharesNoMemoryWithItsInput(t *testing.T) {
	framed, err := mustEncoder(t, kitchen, 1).Encode(kitchenValue())
	if err != nil {
		t.Fatal(err)
	}
	got, err := mustDecoder(t, kitchen, fixedSource{1: kitchen}).Decode(t.Context(), framed)
	if err != nil {
		t.Fatal(err)
	}
	clear(framed) // as a consumer does that reads the next record into it
	if !reflect.DeepEqual(got, kitchenValue()) {
		t.Errorf("got %v", got)
	}
}

func TestDecode_IgnoresDocumentationAndSpacing(t *testing.T) {
	same := strings.Replace(orderV1, `"name":"id"`, `"doc":"d", "name" : "id"`, 1)
	d := mustDecoder(t, orderV1, fixedSource{1: same})
	if _, err := d.Decode(t.Context(), encodeV1(t)); err != nil {
		t.Fatal(err)
	}
	if d.writers[1].resolved != nil {
		t.Error("resolved two schemas of the same bytes, which costs twice as much")
	}
}

// failingSource is a registry that goes away and comes back.
type failingSource struct {
	fixedSource
	mu    sync.Mutex
	err   error
	calls int
}

func (s *failingSource) SchemaByID(ctx context.Context, id int) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.err != nil {
		return "", s.err
	}
	return s.fixedSource.SchemaByID(ctx, id)
}

func TestDecode_AsksForASchemaOnceAndAgainAfterFailures(t *testing.T) {
	source := &failingSource{fixedSource: versions, err: ErrUnavailable}
	d := mustDecoder(t, orderV1, source)
	if _, err := d.Decode(t.Context(), encodeV1(t)); Permanent(err) || !errors.Is(err, ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
	source.err = nil
	for range 3 {
		if _, err := d.Decode(t.Context(), encodeV1(t)); err != nil {
			t.Fatal(err)
		}
	}
	if source.calls != 2 {
		t.Errorf("asked %d times", source.calls)
	}
}

func TestDecode_Concurrently(t *testing.T) {
	d := mustDecoder(t, orderV1, versions)
	e := mustEncoder(t, orderV1, 1)
	v1, v2 := encodeV1(t), encodeV2(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 50 {
				framed := v1
				if (i+n)%2 == 0 {
					framed = v2
				}
				got, err := d.Decode(t.Context(), framed)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := e.Encode(got); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
