package payment

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
		AuthorizationRequested{OrderID: "536365", Amount: 1_000, Currency: "GBP", Method: "pm_card", At: noon},
		Opened{GatewayID: "pi_1", At: noon + 1},
		ConfirmationRequested{At: noon + 2},
		Authorized{OrderID: "536365", Amount: 1_000, Currency: "GBP", Method: "pm_card", At: noon + 3},
		Declined{Reason: "stolen card", At: noon + 4},
		CaptureRequested{At: noon + 5},
		Captured{Amount: 1_000, At: noon + 6},
		CaptureRefused{Reason: "insufficient funds", At: noon + 7},
		VoidRequested{Reason: "capture refused: insufficient funds", At: noon + 8},
		Voided{OrderID: "536365", Reason: "capture refused: insufficient funds", At: noon + 9},
		RefundRequested{From: 300, To: 1_000, At: noon + 10},
		Refunded{From: 300, To: 1_000, Complete: true, At: noon + 11},
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
	}{{"Charged", 1}, {"Captured", 0}, {"Captured", 2}, {"", 1}} {
		_, err := DecodeEvent(c.name, c.schema, []byte(`{}`))
		wantError(t, err, ErrUnknownEvent)
	}
	if _, err := DecodeEvent("Captured", 1, []byte(`{"amount":"much"}`)); err == nil {
		t.Error("bytes that are no Captured were read")
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
	known := map[string]shape{"CaptureRequested": {upcasters: []upcaster{secondsToMillis, millisToMicros}, decode: decodeAs[CaptureRequested]}}
	for schema, data := range []string{1: `{"seconds":7}`, 2: `{"millis":7000}`, 3: `{"at":7000000}`} {
		if schema == 0 {
			continue
		}
		got, err := decodeWith(known, "CaptureRequested", schema, []byte(data))
		if err != nil || got != (CaptureRequested{At: 7_000_000}) {
			t.Errorf("schema %d: %+v, %v", schema, got, err)
		}
	}
	if _, err := decodeWith(known, "CaptureRequested", 1, []byte(`7`)); err == nil || !strings.Contains(err.Error(), "upcast CaptureRequested from schema 1") {
		t.Errorf("got %v", err)
	}
	if _, err := decodeWith(known, "CaptureRequested", 4, []byte(`{}`)); !errors.Is(err, ErrUnknownEvent) {
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
		Evolve(captured(t), e) // total, whatever was stored
	})
}
