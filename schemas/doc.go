// Package schemas holds the contracts between the services: the topics, their
// Avro schemas in every published version, and Go types for the records.
//
// It guarantees, by its own tests, that every version of a schema can read and
// be read by every other version of it (FULL_TRANSITIVE), and that today's
// types decode the recorded bytes of every version ever published.
//
// It does not encode: the types convert to and from the generic form of an
// Avro record, and package avro turns that into bytes. It depends on the
// standard library only, so that every service can import it.
//
//	topic, _ := schemas.ByName(schemas.Orders)
//	id, err := registry.Register(ctx, topic.Subject, topic.Schema)
//	…
//	value, err := encoder.Encode(schemas.Order{OrderID: "order-42", …}.Avro())
//
// # The generic form
//
// Records are map[string]any, arrays []any, longs int64, ints int32, enums and
// strings string, and an instant (long, timestamp-micros) is a time.Time. The
// value of an optional field is nil or map[string]any{"string": value}. In the
// Go types an absent text is "", an instant is in UTC and has microseconds.
//
// # Changing a schema
//
// A published file is never edited. Put v2.avsc beside v1.avsc: a new field has
// a default, a new symbol goes to the end of its enum, nothing is renamed or
// changes its type. Then add testdata/<name>/v2.json and run the tests once with
// -update, which records the bytes of the new version and refuses to touch old
// ones.
package schemas
