package schemas

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/linkedin/goavro/v2"
)

func sample(t testing.TB, c contract, version int) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", c.folder, fmt.Sprintf("v%d.json", version)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// decoded returns the generic form of the sample order, as a decoder gives it.
func decoded(t *testing.T) map[string]any {
	t.Helper()
	orders := contracts[0]
	codec, err := goavro.NewCodec(orders.versions()[len(orders.versions())-1])
	if err != nil {
		t.Fatal(err)
	}
	record, err := orders.fromJSON([]byte(sample(t, orders, len(orders.versions()))))
	if err != nil {
		t.Fatal(err)
	}
	data, err := codec.BinaryFromNative(nil, record.Avro())
	if err != nil {
		t.Fatal(err)
	}
	native, _, err := codec.NativeFromBinary(data)
	if err != nil {
		t.Fatal(err)
	}
	return native.(map[string]any)
}

func TestFromAvro_NamesTheFaultyField(t *testing.T) {
	const secret = "Ada"
	line := func(v map[string]any) map[string]any { return v["lines"].([]any)[1].(map[string]any) }
	cases := []struct {
		name, field, problem string
		change               func(map[string]any)
	}{
		{"missing", "customer", "missing", func(v map[string]any) { delete(v, "customer") }},
		{"wrong type", "total", "is string, not long", func(v map[string]any) { v["total"] = secret }},
		{"nil", "currency", "is <nil>, not string", func(v map[string]any) { v["currency"] = nil }},
		{"an int for a long", "version", "is int, not long", func(v map[string]any) { v["version"] = 1 }},
		{"nested missing", "lines[1].sku", "missing", func(v map[string]any) { delete(line(v), "sku") }},
		{"nested wrong type", "lines[1].line", "is int64, not int", func(v map[string]any) { line(v)["line"] = int64(1) }},
		{"nested symbol", "lines[1].kind", "is not one of its symbols", func(v map[string]any) { line(v)["kind"] = secret }},
		{"no array", "lines", "is string, not array", func(v map[string]any) { v["lines"] = secret }},
		{"no record", "lines[0]", "is string, not a record", func(v map[string]any) { v["lines"] = []any{secret} }},
		{"symbol", "status", "is not one of its symbols", func(v map[string]any) { v["status"] = secret }},
		{"union missing", "reason", "missing", func(v map[string]any) { delete(v, "reason") }},
		{"union bare", "reason", "is string, not a union of null and string", func(v map[string]any) { v["reason"] = secret }},
		{"union branch", "reason", "is not the string branch of its union", func(v map[string]any) { v["reason"] = map[string]any{"long": int64(1)} }},
		{"instant", "placed_at", "is int64, not timestamp-micros", func(v map[string]any) { v["placed_at"] = int64(1) }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			fields := decoded(t)
			c.change(fields)
			got, err := OrderFromAvro(fields)
			var fault *FieldError
			if !errors.As(err, &fault) {
				t.Fatalf("got %v", err)
			}
			if *fault != (FieldError{Record: "Order", Field: c.field, Problem: c.problem}) {
				t.Errorf("got %+v", fault)
			}
			if got.OrderID != "" {
				t.Errorf("returned a part of the record: %+v", got)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error shows the value: %v", err)
			}
		})
	}
	if _, err := OrderFromAvro(decoded(t)); err != nil {
		t.Errorf("unchanged: %v", err)
	}
}

func TestFromAvro_EveryTypeRefusesAnEmptyRecord(t *testing.T) {
	for _, c := range contracts {
		var fault *FieldError
		if _, err := c.fromAvro(nil); !errors.As(err, &fault) || fault.Problem != "missing" {
			t.Errorf("%s: got %v", c.folder, err)
		}
	}
}

func TestAvro_WrapsUnionsAndCutsInstants(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	fields := Payment{
		Reason:    "declined",
		UpdatedAt: time.Date(2026, 1, 1, 1, 0, 0, 1999, berlin),
	}.Avro()
	if got := fields["reason"].(map[string]any)["string"]; got != "declined" {
		t.Errorf("reason is %v", got)
	}
	if fields["gateway_payment_id"] != nil {
		t.Errorf("an absent text is %v", fields["gateway_payment_id"])
	}
	if got, want := fields["updated_at"], time.Date(2026, 1, 1, 0, 0, 0, 1000, time.UTC); got != want {
		t.Errorf("updated_at is %v, want %v", got, want)
	}
}
