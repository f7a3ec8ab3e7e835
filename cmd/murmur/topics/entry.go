package topics

import (
	"strconv"
	"strings"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/schemas"
)

// Entry is one record of a topic, decoded as far as it could be.
type Entry struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Key       string `json:"key"`
	// Time is when the event happened; the record's own time without that header.
	Time time.Time `json:"time"`
	// Version, Event and Status are empty where the record has none.
	Version int64  `json:"version,omitempty"`
	Event   string `json:"event,omitempty"`
	Status  string `json:"status,omitempty"`
	// EventID names this state change, Causation the one or the request that led
	// to it, Correlation the request that everything began with.
	EventID     string            `json:"event_id,omitempty"`
	Causation   string            `json:"causation_id,omitempty"`
	Correlation string            `json:"correlation_id,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	// Tombstone marks the record that erases its key.
	Tombstone bool `json:"tombstone,omitempty"`
	// Schema says what the value was decoded with, Fault why it could not be.
	Schema string `json:"schema,omitempty"`
	Fault  string `json:"fault,omitempty"`
	// Record is a type of package schemas; for a topic that is not declared, the
	// generic form of its schema without the branches of unions.
	Record any `json:"record,omitempty"`
}

// newEntry takes what a record says without its value.
func newEntry(r kafka.Record) Entry {
	e := Entry{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: string(r.Key), Time: r.Time.UTC(),
		Headers: make(map[string]string, len(r.Headers)), Tombstone: r.Value == nil,
	}
	for _, h := range r.Headers {
		e.Headers[h.Key] = string(h.Value)
	}
	e.EventID, e.Causation, e.Correlation = e.Headers[aggregate.HeaderEventID], e.Headers[aggregate.HeaderCausationID], e.Headers[aggregate.HeaderCorrelationID]
	kind := e.Headers[aggregate.HeaderEventType]
	e.Event = kind[strings.LastIndex(kind, ".")+1:]
	if version, err := strconv.ParseInt(e.Headers[aggregate.HeaderVersion], 10, 64); err == nil {
		e.Version = version
	}
	if at, err := time.Parse(time.RFC3339, e.Headers[aggregate.HeaderTime]); err == nil {
		e.Time = at
	}
	if _, err := e.Time.MarshalJSON(); err != nil {
		e.Time = time.Time{} // a clock that cannot be: nothing can be said of it
	}
	return e
}

// take adds what the value says. Headers are only a convenience: where one is
// missing, the value has it too.
func (e *Entry) take(record any) {
	e.Record = record
	version, event := int64(0), ""
	switch r := record.(type) {
	case schemas.Order:
		version, event, e.Status = r.Version, r.Event, string(r.Status)
	case schemas.Payment:
		version, event, e.Status = r.Version, r.Event, string(r.Status)
	case schemas.Reservation:
		version, event, e.Status = r.Version, r.Event, string(r.Status)
	case schemas.Stock:
		version, event = r.Version, r.Event
	}
	if e.Version == 0 {
		e.Version = version
	}
	if e.Event == "" {
		e.Event = event
	}
}
