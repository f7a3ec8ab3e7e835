package inventory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func recordedEvents() []Event {
	lines := []Line{{Line: 1, SKU: "85123A", Quantity: 6}, {Line: 3, SKU: "71053", Quantity: 3}}
	return []Event{
		Reserved{OrderID: "536365", Lines: lines, At: noon},
		Rejected{
			OrderID: "536365", Lines: lines, Shortages: []Shortage{{SKU: "71053", Wanted: 3, Available: 1}},
			Reason: ReasonOutOfStock, At: noon + 1,
		},
		Committed{At: noon + 2},
		Released{OrderID: "536365", Reason: ReasonOrderCancelled, At: noon + 3},
		Restocked{Lines: []RestockedLine{{Line: 1, SKU: "85123A", From: 2, To: 6}}, Reason: ReasonReturned, At: noon + 4},
	}
}

func recordedStockEvents() []StockEvent {
	return []StockEvent{
		StockReceived{ID: "r-1", SKU: "85123A", Quantity: 10, At: noon},
		StockWrittenOff{ID: "w-1", SKU: "85123A", Quantity: 2, Reason: "flood", At: noon + 1},
		StockHeld{OrderID: "536365", SKU: "85123A", Quantity: 6, At: noon + 2},
		StockUnheld{OrderID: "536365", SKU: "85123A", Quantity: 6, At: noon + 3},
		StockTaken{OrderID: "536365", SKU: "85123A", Quantity: 6, At: noon + 4},
		StockPutBack{OrderID: "536365", SKU: "85123A", Quantity: 4, At: noon + 5},
	}
}

// The fixtures are what was once stored: a file, once released, stays as it
// is, and must be read into today's event for ever.
func TestDecodeEvent_ReadsEveryRecordedShape(t *testing.T) {
	for _, e := range recordedEvents() {
		t.Run(e.EventType(), func(t *testing.T) {
			name, schema, data, err := EncodeEvent(e)
			if err != nil {
				t.Fatal(err)
			}
			got, err := DecodeEvent(name, schema, recorded(t, name, schema, data))
			if err != nil || !reflect.DeepEqual(got, e) {
				t.Fatalf("got %+v, %v", got, err)
			}
		})
	}
	for _, e := range recordedStockEvents() {
		t.Run(e.EventType(), func(t *testing.T) {
			name, schema, data, err := EncodeStockEvent(e)
			if err != nil {
				t.Fatal(err)
			}
			got, err := DecodeStockEvent(name, schema, recorded(t, name, schema, data))
			if err != nil || got != e {
				t.Fatalf("got %+v, %v", got, err)
			}
		})
	}
	if len(recordedEvents()) != len(shapes) || len(recordedStockEvents()) != len(stockShapes) {
		t.Error("an event type has no fixture")
	}
}

// recorded returns the fixture of an event, which must be today's bytes.
func recorded(t *testing.T, name string, schema int, data []byte) []byte {
	t.Helper()
	path := filepath.Join("testdata", "events", fmt.Sprintf("%s.%d.json", name, schema))
	if *update {
		if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	fixture, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.TrimSpace(fixture), data) {
		t.Errorf("the shape has changed and its schema number has not:\n%s\n%s", fixture, data)
	}
	return fixture
}

func TestDecodeEvent_RefusesWhatANewerProgramWrote(t *testing.T) {
	for _, c := range []struct {
		name   string
		schema int
	}{{"Moved", 1}, {"Reserved", 0}, {"Reserved", 2}, {"StockHeld", 2}, {"", 1}} {
		_, err := DecodeEvent(c.name, c.schema, []byte(`{}`))
		wantError(t, err, ErrUnknownEvent)
		_, err = DecodeStockEvent(c.name, c.schema, []byte(`{}`))
		wantError(t, err, ErrUnknownEvent)
	}
	if _, err := DecodeEvent("Reserved", 1, []byte(`{"lines":"many"}`)); err == nil {
		t.Error("bytes that are no Reserved were read")
	}
}

// Old shapes climb step by step to the present one.
func TestDecodeEvent_UpcastsOneSchemaAtATime(t *testing.T) {
	rename := func(from, to string) upcaster {
		return func(old []byte) ([]byte, error) {
			var e map[string]any
			if err := json.Unmarshal(old, &e); err != nil {
				return nil, err
			}
			e[to] = e[from]
			delete(e, from)
			return json.Marshal(e)
		}
	}
	known := map[string]shape[StockEvent]{"StockHeld": {
		upcasters: []upcaster{rename("amount", "units"), rename("units", "quantity")},
		decode:    decodeAs[StockEvent, StockHeld],
	}}
	for schema, data := range map[int]string{1: `{"sku":"A","amount":7}`, 2: `{"sku":"A","units":7}`, 3: `{"sku":"A","quantity":7}`} {
		got, err := decodeWith(known, "StockHeld", schema, []byte(data))
		if err != nil || got != (StockHeld{SKU: "A", Quantity: 7}) {
			t.Errorf("schema %d: %+v, %v", schema, got, err)
		}
	}
	if _, err := decodeWith(known, "StockHeld", 1, []byte(`7`)); err == nil || !strings.Contains(err.Error(), "upcast StockHeld from schema 1") {
		t.Errorf("got %v", err)
	}
	if _, err := decodeWith(known, "StockHeld", 4, []byte(`{}`)); !errors.Is(err, ErrUnknownEvent) {
		t.Errorf("got %v", err)
	}
}

func FuzzDecodeEvent(f *testing.F) {
	for _, e := range recordedEvents() {
		name, schema, data, _ := EncodeEvent(e)
		f.Add(name, schema, data)
	}
	f.Fuzz(func(t *testing.T, name string, schema int, data []byte) {
		e, err := DecodeEvent(name, schema, data)
		if err != nil {
			return
		}
		again, schema, encoded, err := EncodeEvent(e)
		if err != nil || again != name {
			t.Fatalf("%s: %v", again, err)
		}
		if back, err := DecodeEvent(again, schema, encoded); err != nil || asJSON(t, back) != asJSON(t, e) {
			t.Fatalf("%s does not survive: %v", encoded, err)
		}
		StockEffects(committed(t), []Event{e}) // total, whatever was stored
	})
}

func FuzzDecodeStockEvent(f *testing.F) {
	for _, e := range recordedStockEvents() {
		name, schema, data, _ := EncodeStockEvent(e)
		f.Add(name, schema, data)
	}
	f.Fuzz(func(t *testing.T, name string, schema int, data []byte) {
		e, err := DecodeStockEvent(name, schema, data)
		if err != nil {
			return
		}
		again, schema, encoded, err := EncodeStockEvent(e)
		if err != nil || again != name {
			t.Fatalf("%s: %v", again, err)
		}
		if back, err := DecodeStockEvent(again, schema, encoded); err != nil || asJSON(t, back) != asJSON(t, e) {
			t.Fatalf("%s does not survive: %v", encoded, err)
		}
		EvolveStock(item(10, 5), e) // total, whatever was stored
	})
}
