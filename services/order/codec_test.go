package order

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
	return []Event{
		Placed{
			OrderID: "536365", Customer: "17850", Currency: "GBP", PaymentMethod: "pm_card",
			Lines: []Line{
				{Line: 1, SKU: "85123A", Description: "WHITE HANGING HEART T-LIGHT HOLDER", Quantity: 6, Amount: 1_530, Kind: KindGoods},
				{Line: 2, SKU: "POST", Quantity: 1, Amount: 470, Kind: KindService},
			},
			Total: 2_000, Deadline: deadline, At: noon,
		},
		Confirmed{At: noon + 1},
		Completed{At: noon + 2},
		Cancelled{Reason: ReasonCaptureRefused, Detail: "insufficient funds", At: noon + 3},
		Returned{
			ReturnID: "r-1", Digest: "8b0f36c1c7a4e4d1", Lines: []ReturnedLine{{Line: 1, Quantity: 2, Returned: 4}},
			Reason: "broken", RefundDue: 1_020, At: noon + 4,
		},
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
			path := filepath.Join("testdata", "events", fmt.Sprintf("%s.%d.json", name, schema))
			if *update {
				if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			recorded, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(bytes.TrimSpace(recorded), data) {
				t.Errorf("the shape has changed and its schema number has not:\n%s\n%s", recorded, data)
			}
			got, err := DecodeEvent(name, schema, recorded)
			if err != nil || !reflect.DeepEqual(got, e) {
				t.Fatalf("got %+v, %v", got, err)
			}
		})
	}
	if len(recordedEvents()) != len(shapes) {
		t.Error("an event type has no fixture")
	}
}

func TestDecodeEvent_RefusesWhatANewerProgramWrote(t *testing.T) {
	for _, c := range []struct {
		name   string
		schema int
	}{{"Shipped", 1}, {"Placed", 0}, {"Placed", 2}, {"", 1}} {
		_, err := DecodeEvent(c.name, c.schema, []byte(`{}`))
		wantError(t, err, ErrUnknownEvent)
	}
	if _, err := DecodeEvent("Placed", 1, []byte(`{"total":"much"}`)); err == nil {
		t.Error("bytes that are no Placed were read")
	}
}

// Old shapes climb step by step to the present one.
func TestDecodeEvent_UpcastsOneSchemaAtATime(t *testing.T) {
	secondsToMillis := func(old []byte) ([]byte, error) {
		var e struct{ Seconds int64 }
		if err := json.Unmarshal(old, &e); err != nil {
			return nil, err
		}
		return json.Marshal(map[string]int64{"millis": e.Seconds * 1_000})
	}
	millisToMicros := func(old []byte) ([]byte, error) {
		var e struct{ Millis int64 }
		if err := json.Unmarshal(old, &e); err != nil {
			return nil, err
		}
		return json.Marshal(map[string]int64{"at": e.Millis * 1_000})
	}
	known := map[string]shape{"Confirmed": {upcasters: []upcaster{secondsToMillis, millisToMicros}, decode: decodeAs[Confirmed]}}
	for schema, data := range []string{1: `{"seconds":7}`, 2: `{"millis":7000}`, 3: `{"at":7000000}`} {
		if schema == 0 {
			continue
		}
		got, err := decodeWith(known, "Confirmed", schema, []byte(data))
		if err != nil || got != (Confirmed{At: 7_000_000}) {
			t.Errorf("schema %d: %+v, %v", schema, got, err)
		}
	}
	if _, err := decodeWith(known, "Confirmed", 1, []byte(`7`)); err == nil || !strings.Contains(err.Error(), "upcast Confirmed from schema 1") {
		t.Errorf("got %v", err)
	}
	if _, err := decodeWith(known, "Confirmed", 4, []byte(`{}`)); !errors.Is(err, ErrUnknownEvent) {
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
		Evolve(placed(t), e) // total, whatever was stored
	})
}
