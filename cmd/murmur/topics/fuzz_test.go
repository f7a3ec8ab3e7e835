package topics

import (
	"encoding/json"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/avro"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/schemas"
)

// FuzzDecode: whatever stands on a topic, it can be shown: as a record, or with
// the fault that hides it.
func FuzzDecode(f *testing.F) {
	all := schemas.Topics()
	orders := all[0]
	encoder, err := avro.NewEncoder(orders.Schema, 1)
	if err != nil {
		f.Fatal(err)
	}
	value, err := encoder.Encode(schemas.Order{OrderID: "536365", Version: 1, Status: schemas.OrderPlaced, Lines: []schemas.OrderLine{
		{Line: 1, SKU: "85123A", Quantity: 6, Amount: 1530, Kind: schemas.LineGoods},
	}}.Avro())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(0), []byte("536365"), value, "version", "1")
	f.Add(uint8(1), []byte("536365"), value, "ce_time", "yesterday")
	f.Add(uint8(4), []byte("order"), []byte{0, 0, 0, 0, 7, 0}, "traceparent", "00-zz")
	f.Add(uint8(7), []byte(nil), []byte("plain"), "", "\xff")
	f.Fuzz(func(t *testing.T, topic uint8, key, value []byte, name, header string) {
		d, err := NewDecoder(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		r := kafka.Record{Topic: "undeclared", Key: key, Value: value, Headers: []kafka.Header{{Key: name, Value: []byte(header)}}}
		if i := int(topic) % (len(all) + 1); i < len(all) {
			r.Topic = all[i].Name
		}
		e := d.Decode(t.Context(), r)
		if _, err := json.Marshal(e); err != nil {
			t.Fatalf("%+v cannot be shown: %v", e, err)
		}
		if e.Fault == "" && e.Schema == "" && !e.Tombstone {
			t.Fatalf("neither a record nor a fault: %+v", e)
		}
	})
}
