package aggregate

import (
	"fmt"
	"strconv"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// Names of the text headers that every record carries, so that it can be read
// without a schema: CloudEvents 1.0 in Kafka's binary mode, the version of the
// aggregate, and what led to it.
const (
	HeaderSpecVersion   = "ce_specversion"
	HeaderEventID       = "ce_id"
	HeaderEventType     = "ce_type"
	HeaderSource        = "ce_source"
	HeaderTime          = "ce_time"
	HeaderSubject       = "ce_subject"
	HeaderContentType   = "content-type"
	HeaderVersion       = "version"
	HeaderCorrelationID = "correlation-id"
	HeaderCausationID   = "causation-id"
	HeaderTraceparent   = "traceparent"
)

// ContentType says that a value is one Avro datum in Confluent framing.
const ContentType = "application/vnd.confluent.avro"

// Envelope says where a service's records come from.
type Envelope struct {
	// Source is the CloudEvents source, e.g. "/services/order".
	Source string
	// TypePrefix stands before the event type, e.g. "com.murmuration.order.".
	TypePrefix string
}

// EventID names one version of one stream: the same state change has the same
// id wherever it is seen.
func EventID(stream eventstore.StreamID, version int64) string {
	return fmt.Sprintf("%s/%s/%d", stream.Kind, stream.ID, version)
}

// Headers returns the headers of the record of a state change.
func (e Envelope) Headers(stream eventstore.StreamID, version int64, eventType string, meta eventstore.Meta) []eventstore.Header {
	h := []eventstore.Header{
		{Key: HeaderSpecVersion, Value: "1.0"},
		{Key: HeaderEventID, Value: EventID(stream, version)},
		{Key: HeaderEventType, Value: e.TypePrefix + eventType},
		{Key: HeaderSource, Value: e.Source},
		{Key: HeaderTime, Value: time.UnixMicro(meta.At).UTC().Format("2006-01-02T15:04:05.000000Z")},
		{Key: HeaderSubject, Value: stream.ID},
		{Key: HeaderContentType, Value: ContentType},
		{Key: HeaderVersion, Value: strconv.FormatInt(version, 10)},
		{Key: HeaderCorrelationID, Value: meta.Correlation},
		{Key: HeaderCausationID, Value: meta.Causation},
	}
	if meta.Traceparent != "" {
		h = append(h, eventstore.Header{Key: HeaderTraceparent, Value: meta.Traceparent})
	}
	return h
}
