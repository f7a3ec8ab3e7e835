package inventory

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

// shape is how one event type of the sum E is read. Its current schema number
// is one more than the number of its upcasters: upcasters[0] reads schema 1 and
// writes 2.
type shape[E any] struct {
	upcasters []upcaster
	decode    func([]byte) (E, error)
}

func (s shape[E]) schema() int { return len(s.upcasters) + 1 }

// shapes and stockShapes are the registries of everything that was ever
// stored. To change an event: record the old bytes in testdata, append an
// upcaster, change the type.
var shapes = map[string]shape[Event]{
	Reserved{}.EventType():  {decode: decodeAs[Event, Reserved]},
	Rejected{}.EventType():  {decode: decodeAs[Event, Rejected]},
	Committed{}.EventType(): {decode: decodeAs[Event, Committed]},
	Released{}.EventType():  {decode: decodeAs[Event, Released]},
	Restocked{}.EventType(): {decode: decodeAs[Event, Restocked]},
}

var stockShapes = map[string]shape[StockEvent]{
	StockReceived{}.EventType():   {decode: decodeAs[StockEvent, StockReceived]},
	StockWrittenOff{}.EventType(): {decode: decodeAs[StockEvent, StockWrittenOff]},
	StockHeld{}.EventType():       {decode: decodeAs[StockEvent, StockHeld]},
	StockUnheld{}.EventType():     {decode: decodeAs[StockEvent, StockUnheld]},
	StockTaken{}.EventType():      {decode: decodeAs[StockEvent, StockTaken]},
	StockPutBack{}.EventType():    {decode: decodeAs[StockEvent, StockPutBack]},
}

// EncodeEvent returns what is stored for an event of a reservation: its name,
// the current schema number of that name, and its JSON.
func EncodeEvent(e Event) (eventType string, schema int, data []byte, err error) {
	schema, data, err = encodeWith(shapes, e.EventType(), e)
	return e.EventType(), schema, data, err
}

// DecodeEvent reads a stored event of a reservation, bringing an older schema
// up to date first. Errors: ErrUnknownEvent, or what is wrong with the bytes.
func DecodeEvent(eventType string, schema int, data []byte) (Event, error) {
	return decodeWith(shapes, eventType, schema, data)
}

// EncodeStockEvent is EncodeEvent for a stock item.
func EncodeStockEvent(e StockEvent) (eventType string, schema int, data []byte, err error) {
	schema, data, err = encodeWith(stockShapes, e.EventType(), e)
	return e.EventType(), schema, data, err
}

// DecodeStockEvent is DecodeEvent for a stock item.
func DecodeStockEvent(eventType string, schema int, data []byte) (StockEvent, error) {
	return decodeWith(stockShapes, eventType, schema, data)
}

func encodeWith[E any](known map[string]shape[E], eventType string, e E) (schema int, data []byte, err error) {
	s, ok := known[eventType]
	if !ok {
		return 0, nil, fmt.Errorf("encode %s: %w", eventType, ErrUnknownEvent)
	}
	if data, err = json.Marshal(e); err != nil {
		return 0, nil, fmt.Errorf("encode %s: %w", eventType, err)
	}
	return s.schema(), data, nil
}

func decodeWith[E any](known map[string]shape[E], eventType string, schema int, data []byte) (E, error) {
	var none E
	s, ok := known[eventType]
	if !ok || schema < 1 || schema > s.schema() {
		return none, fmt.Errorf("decode %s schema %d: %w", eventType, schema, ErrUnknownEvent)
	}
	for n, up := range s.upcasters[schema-1:] {
		next, err := up(data)
		if err != nil {
			return none, fmt.Errorf("upcast %s from schema %d: %w", eventType, schema+n, err)
		}
		data = next
	}
	e, err := s.decode(data)
	if err != nil {
		return none, fmt.Errorf("decode %s schema %d: %w", eventType, schema, err)
	}
	return e, nil
}

// decodeAs reads the concrete type T and returns it as the sum E.
func decodeAs[E, T any](data []byte) (E, error) {
	var t T
	if err := json.Unmarshal(data, &t); err != nil {
		var none E
		return none, err
	}
	return any(t).(E), nil
}
