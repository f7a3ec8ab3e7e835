package payment

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ErrUnknownEvent says that a stored event has a name or a schema number that
// this version of the code does not know: it was written by a newer one.
var ErrUnknownEvent = errors.New("unknown event")

// upcaster turns the stored bytes of one schema number into those of the next.
type upcaster func([]byte) ([]byte, error)

// shape is how one event type is read. Its current schema number is one more
// than the number of its upcasters: upcasters[0] reads schema 1 and writes 2.
type shape struct {
	upcasters []upcaster
	decode    func([]byte) (Event, error)
}

func (s shape) schema() int { return len(s.upcasters) + 1 }

// shapes is the registry of everything that was ever stored. To change an
// event: record the old bytes in testdata, append an upcaster, change the type.
var shapes = map[string]shape{
	AuthorizationRequested{}.EventType(): {decode: decodeAs[AuthorizationRequested]},
	Opened{}.EventType():                 {decode: decodeAs[Opened]},
	ConfirmationRequested{}.EventType():  {decode: decodeAs[ConfirmationRequested]},
	Authorized{}.EventType():             {decode: decodeAs[Authorized]},
	Declined{}.EventType():               {decode: decodeAs[Declined]},
	CaptureRequested{}.EventType():       {decode: decodeAs[CaptureRequested]},
	Captured{}.EventType():               {decode: decodeAs[Captured]},
	CaptureRefused{}.EventType():         {decode: decodeAs[CaptureRefused]},
	VoidRequested{}.EventType():          {decode: decodeAs[VoidRequested]},
	Voided{}.EventType():                 {decode: decodeAs[Voided]},
	RefundRequested{}.EventType():        {decode: decodeAs[RefundRequested]},
	Refunded{}.EventType():               {decode: decodeAs[Refunded]},
}

// EncodeEvent returns what is stored for an event: its name, the current
// schema number of that name, and its JSON.
func EncodeEvent(e Event) (eventType string, schema int, data []byte, err error) {
	eventType = e.EventType()
	s, ok := shapes[eventType]
	if !ok {
		return "", 0, nil, fmt.Errorf("encode %s: %w", eventType, ErrUnknownEvent)
	}
	if data, err = json.Marshal(e); err != nil {
		return "", 0, nil, fmt.Errorf("encode %s: %w", eventType, err)
	}
	return eventType, s.schema(), data, nil
}

// DecodeEvent reads a stored event, bringing an older schema up to date first.
// Errors: ErrUnknownEvent, or what is wrong with the bytes.
func DecodeEvent(eventType string, schema int, data []byte) (Event, error) {
	return decodeWith(shapes, eventType, schema, data)
}

func decodeWith(known map[string]shape, eventType string, schema int, data []byte) (Event, error) {
	s, ok := known[eventType]
	if !ok || schema < 1 || schema > s.schema() {
		return nil, fmt.Errorf("decode %s schema %d: %w", eventType, schema, ErrUnknownEvent)
	}
	for n, up := range s.upcasters[schema-1:] {
		next, err := up(data)
		if err != nil {
			return nil, fmt.Errorf("upcast %s from schema %d: %w", eventType, schema+n, err)
		}
		data = next
	}
	e, err := s.decode(data)
	if err != nil {
		return nil, fmt.Errorf("decode %s schema %d: %w", eventType, schema, err)
	}
	return e, nil
}

func decodeAs[E Event](data []byte) (Event, error) {
	var e E
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, err
	}
	return e, nil
}
