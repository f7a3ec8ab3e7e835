package topics

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/murmuration-dev/murmuration/pkg/avro"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// registry is a source of schemas that counts and can be away.
type registry struct {
	texts map[int]string
	away  bool
	asked int
}

func (r *registry) SchemaByID(_ context.Context, id int) (string, error) {
	r.asked++
	text, ok := r.texts[id]
	switch {
	case r.away:
		return "", avro.ErrUnavailable
	case !ok:
		return "", avro.ErrUnknownSchema
	}
	return text, nil
}

func framed(t *testing.T, schema string, id int, fields map[string]any) []byte {
	t.Helper()
	encoder, err := avro.NewEncoder(schema, id)
	if err != nil {
		t.Fatal(err)
	}
	value, err := encoder.Encode(fields)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func orderSchema() string {
	topic, _ := schemas.ByName(schemas.Orders)
	return topic.Schema
}

func TestDecoder_HasATypeForEveryDeclaredTopic(t *testing.T) {
	for _, topic := range schemas.Topics() {
		if types[topic.Name] == nil {
			t.Errorf("%s has none", topic.Name)
		}
	}
	if len(types) != len(schemas.Topics()) {
		t.Errorf("%d types for %d topics", len(types), len(schemas.Topics()))
	}
}

// A writer may be younger than this program: the registry has its schema.
func TestDecoder_ResolvesTheWritersSchema(t *testing.T) {
	younger := strings.Replace(orderSchema(), `{"name": "order_id"`, `{"name": "channel", "type": "string", "default": ""}, {"name": "order_id"`, 1)
	fields := order(1, schemas.OrderPlaced).Avro()
	fields["channel"] = "shop"
	value := framed(t, younger, 9, fields)

	with, err := NewDecoder(&registry{texts: map[int]string{9: younger}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := with.Decode(t.Context(), kafka.Record{Topic: schemas.Orders, Key: []byte("o/1"), Value: value})
	if got, ok := e.Record.(schemas.Order); !ok || got.OrderID != "o/1" || e.Schema != "registry id 9" || e.Status != "PLACED" || e.Version != 1 {
		t.Errorf("entry is %+v", e)
	}
	without, err := NewDecoder(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if e := without.Decode(t.Context(), kafka.Record{Topic: schemas.Orders, Value: value}); e.Record != nil || !strings.Contains(e.Fault, "no built-in version fits") {
		t.Errorf("without a registry the entry is %+v", e)
	}
}

func TestDecoder_FallsBackOnceWhenTheRegistryIsAway(t *testing.T) {
	source := &registry{away: true}
	var told []error
	d, err := NewDecoder(source, func(err error) { told = append(told, err) })
	if err != nil {
		t.Fatal(err)
	}
	value := framed(t, orderSchema(), 3, order(2, schemas.OrderConfirmed).Avro())
	for range 3 {
		e := d.Decode(t.Context(), kafka.Record{Topic: schemas.Orders, Value: value})
		if e.Schema != "built-in version 1" || e.Fault != "" || e.Status != "CONFIRMED" {
			t.Errorf("entry is %+v", e)
		}
	}
	if len(told) != 1 || !errors.Is(told[0], avro.ErrUnavailable) || source.asked != 1 {
		t.Errorf("told %v, asked %d times", told, source.asked)
	}
}

func TestDecoder_KeepsToARegistryThatAnswers(t *testing.T) {
	d, err := NewDecoder(&registry{}, func(err error) { t.Errorf("fell back: %v", err) })
	if err != nil {
		t.Fatal(err)
	}
	value := framed(t, orderSchema(), 3, order(2, schemas.OrderConfirmed).Avro())
	if e := d.Decode(t.Context(), kafka.Record{Topic: schemas.Orders, Value: value}); e.Record != nil || !strings.Contains(e.Fault, "no such schema in the registry") {
		t.Errorf("entry is %+v", e)
	}
}

func TestDecoder_ReadsTopicsThatAreNotDeclared(t *testing.T) {
	const schema = `{"type": "record", "name": "Parcel", "fields": [
		{"name": "weight", "type": ["null", "long"]}, {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
		{"name": "labels", "type": {"type": "array", "items": ["null", "string"]}}]}`
	d, err := NewDecoder(&registry{texts: map[int]string{5: schema}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	value := framed(t, schema, 5, map[string]any{
		"weight": map[string]any{"long": int64(7)}, "at": begin, "labels": []any{nil, map[string]any{"string": "fragile"}},
	})
	e := d.Decode(t.Context(), kafka.Record{Topic: "parcels", Time: begin.Add(time.Hour), Value: value})
	want := map[string]any{"weight": int64(7), "at": begin, "labels": []any{nil, "fragile"}}
	if !reflect.DeepEqual(e.Record, want) || e.Schema != "registry id 5" || !e.Time.Equal(begin.Add(time.Hour)) {
		t.Errorf("entry is %+v", e)
	}
}

func TestDecoder_NeverFails(t *testing.T) {
	d, err := NewDecoder(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range [][]byte{{}, {0}, {1, 2, 3, 4, 5, 6}, {0, 0, 0, 0, 1}, []byte("\x00\x00\x00\x00\x01plain text")} {
		for _, topic := range []string{schemas.Orders, schemas.OrderPositions, "foreign"} {
			if e := d.Decode(t.Context(), kafka.Record{Topic: topic, Value: value}); e.Fault == "" || e.Record != nil || e.Tombstone {
				t.Errorf("%x on %s is %+v", value, topic, e)
			}
		}
	}
	if e := d.Decode(t.Context(), kafka.Record{Topic: schemas.Orders, Key: []byte("k")}); !e.Tombstone || e.Fault != "" || e.Key != "k" {
		t.Errorf("tombstone is %+v", e)
	}
}

// JSON ends with the year 9999, and neither an Avro timestamp nor the clock of a
// record does.
func TestDecoder_ShowsWhatNoCalendarHas(t *testing.T) {
	d, err := NewDecoder(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	never := time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	placed := order(1, schemas.OrderPlaced)
	placed.PlacedAt = never
	for name, r := range map[string]kafka.Record{
		"a field":      {Topic: schemas.Orders, Key: []byte("o/1"), Value: framed(t, orderSchema(), 1, placed.Avro())},
		"the record's": {Topic: schemas.Orders, Key: []byte("o/1"), Value: framed(t, orderSchema(), 1, order(1, schemas.OrderPlaced).Avro()), Time: never},
	} {
		e := d.Decode(t.Context(), r)
		if _, err := json.Marshal(e); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if e.Key != "o/1" || (e.Fault == "") == (e.Record == nil) {
			t.Errorf("%s: entry is %+v", name, e)
		}
	}
}
