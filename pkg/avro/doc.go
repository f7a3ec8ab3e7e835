// Package avro turns generic Avro records into bytes and back, in the framing
// that Avro-aware Kafka tools expect: a zero byte, the schema's id in four
// bytes, and the Avro binary encoding.
//
// It guarantees that
//
//   - what Encode accepts is exactly what Decode gives back: a field too many, a
//     misspelt one, a number that would lose digits and text that is not UTF-8
//     are refused, not dropped or rounded;
//   - Decode reads with the schema that the bytes were written with, found by
//     its id, and resolves the result into the reader's schema: an added field
//     takes its default, a removed one goes, an unknown enum symbol becomes the
//     enum's default;
//   - arbitrary bytes never panic and never make Decode allocate more than they
//     could hold;
//   - error messages carry paths and types but no values, since those may be
//     personal data;
//   - every error says, by Permanent, whether the same input will always fail.
//
// It does not know any schema, does not register anything by itself, and does
// not support the decimal logical type (amounts are long minor units) or
// schemas with references to other subjects.
//
// # The generic form
//
// Records are map[string]any, arrays []any, maps map[string]any, enums and
// strings string, bytes and fixed []byte, ints int32, longs int64. A union's
// value is nil or map[string]any{branch: value}, where the branch is a
// primitive's name or a type's full name. timestamp-millis and
// timestamp-micros are time.Time in UTC, date is a time.Time at midnight UTC,
// time-millis and time-micros are time.Duration; in a union their branch is
// written long.timestamp-micros. Encode also takes int where a number is
// wanted, and leaves a field out if its schema has a default.
package avro
