package participant

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/avro"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/inbox"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/telemetry"
)

// Writer makes the records of one topic. It is safe for concurrent use.
type Writer struct {
	topic    string
	envelope aggregate.Envelope
	encoder  *avro.Encoder
}

// NewWriter registers the topic's schema and resolves its id once: from then on
// records are made without the registry. An incompatible schema is an error that
// avro.Permanent tells.
func NewWriter(ctx context.Context, registry Registry, topic, subject, schema string, envelope aggregate.Envelope) (*Writer, error) {
	id, err := registry.Register(ctx, subject, schema)
	if err != nil {
		return nil, fmt.Errorf("register %s: %w", subject, err)
	}
	encoder, err := avro.NewEncoder(schema, id)
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", subject, err)
	}
	return &Writer{topic: topic, envelope: envelope, encoder: encoder}, nil
}

// Record makes the record of a state change: its key is the stream's id, its
// value the generic Avro form of the full public state.
func (w *Writer) Record(stream eventstore.StreamID, version int64, eventType string, meta eventstore.Meta, native map[string]any) (*eventstore.Record, error) {
	value, err := w.encoder.Encode(native)
	if err != nil {
		return nil, err
	}
	return &eventstore.Record{
		Topic: w.topic, Key: stream.ID, Value: value,
		Headers: w.envelope.Headers(stream, version, eventType, meta),
	}, nil
}

// Readers decodes the records of several topics.
type Readers map[string]func(ctx context.Context, record kafka.Record) (any, error)

// Read adds a topic: records are read by the schema they were written with,
// resolved to schema, and turned into what the service wants to know of them. A
// record whose value names another id in keyField than its key is parked, since
// it would be believed of the wrong aggregate; an empty keyField checks nothing.
func Read[T any](r Readers, source avro.SchemaSource, topic, schema, keyField string, from func(map[string]any) (T, error)) error {
	decoder, err := avro.NewDecoder(schema, source)
	if err != nil {
		return fmt.Errorf("schema of %s: %w", topic, err)
	}
	r[topic] = func(ctx context.Context, record kafka.Record) (any, error) {
		native, err := decoder.Decode(ctx, record.Value)
		if err != nil {
			if avro.Permanent(err) {
				return nil, inbox.Permanent(err)
			}
			return nil, err
		}
		if id, _ := native[keyField].(string); keyField != "" && id != string(record.Key) {
			return nil, inbox.Permanent(fmt.Errorf("record of %s: its key is not the %s in its value", topic, keyField))
		}
		v, err := from(native)
		if err != nil {
			return nil, inbox.Permanent(err)
		}
		return v, nil
	}
	return nil
}

// Decode implements inbox.Decoder.
func (r Readers) Decode(ctx context.Context, record kafka.Record) (any, error) {
	read, ok := r[record.Topic]
	if !ok {
		return nil, inbox.Permanent(fmt.Errorf("nobody here reads topic %s", record.Topic))
	}
	return read(ctx, record)
}

// Cause returns the metadata of what follows from a record, at now, and starts a
// span of the record's trace, which the caller ends.
func Cause(ctx context.Context, tracer trace.Tracer, record inbox.Record, now time.Time) (eventstore.Meta, trace.Span) {
	header := func(name string) string { v, _ := record.Header(name); return v }
	ctx, span := tracer.Start(telemetry.Extract(ctx, header(aggregate.HeaderTraceparent)), "react to "+record.Topic,
		trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(attribute.String("messaging.kafka.message.key", string(record.Key))))
	return eventstore.Meta{
		At:          now.UnixMicro(),
		Correlation: header(aggregate.HeaderCorrelationID),
		Causation:   header(aggregate.HeaderEventID),
		Traceparent: telemetry.Inject(ctx),
	}, span
}

// RequestCause returns the metadata of what follows from a client's request.
func RequestCause(ctx context.Context, now time.Time) eventstore.Meta {
	return eventstore.Meta{
		At:          now.UnixMicro(),
		Correlation: telemetry.Correlation(ctx),
		Causation:   "request/" + telemetry.Correlation(ctx),
		Traceparent: telemetry.Inject(ctx),
	}
}
