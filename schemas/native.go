package schemas

import (
	"fmt"
	"slices"
	"time"
)

// FieldError says which field of a generic record a contract type could not
// take. It carries no values, since they may be personal data.
type FieldError struct {
	// Record is the name of the schema, such as Order.
	Record string
	// Field is the path to the field, such as lines[2].sku.
	Field string
	// Problem is "missing", or what was found instead of what.
	Problem string
}

// Error implements error.
func (e *FieldError) Error() string {
	return fmt.Sprintf("read %s: field %s: %s", e.Record, e.Field, e.Problem)
}

// record reads the fields of one generic record and keeps the first fault, so
// that a conversion is one list of fields followed by one check.
type record struct {
	name   string // of the outermost schema
	path   string // of this record within it, "" or ending in a dot
	fields map[string]any
	fault  *error
}

func read(name string, fields map[string]any) record {
	return record{name: name, fields: fields, fault: new(error)}
}

func (r record) err() error { return *r.fault }

func (r record) fail(field, problem string) {
	if *r.fault == nil {
		*r.fault = &FieldError{Record: r.name, Field: r.path + field, Problem: problem}
	}
}

// value returns the field as T, or the zero value after noting the fault.
func value[T any](r record, field, want string) T {
	var zero T
	found, ok := r.fields[field]
	if !ok {
		r.fail(field, "missing")
		return zero
	}
	typed, ok := found.(T)
	if !ok {
		r.fail(field, fmt.Sprintf("is %T, not %s", found, want))
	}
	return typed
}

func (r record) text(field string) string { return value[string](r, field, "string") }
func (r record) long(field string) int64  { return value[int64](r, field, "long") }
func (r record) int(field string) int     { return int(value[int32](r, field, "int")) }

func (r record) instant(field string) time.Time {
	return value[time.Time](r, field, "timestamp-micros").UTC()
}

// optional reads a union of null and string; absent is "".
func (r record) optional(field string) string {
	found, ok := r.fields[field]
	if !ok {
		r.fail(field, "missing")
	}
	if found == nil {
		return ""
	}
	branch, ok := found.(map[string]any)
	if !ok {
		r.fail(field, fmt.Sprintf("is %T, not a union of null and string", found))
		return ""
	}
	text, ok := branch["string"].(string)
	if !ok || len(branch) != 1 {
		r.fail(field, "is not the string branch of its union")
	}
	return text
}

// symbol reads an enum. The symbols are those of the Go type: a younger symbol
// has become UNKNOWN when the bytes were read with this module's schema.
func symbol[S ~string](r record, field string, known []S) S {
	s := S(r.text(field))
	if r.err() == nil && !slices.Contains(known, s) {
		r.fail(field, "is not one of its symbols")
	}
	return s
}

// list reads an array of records. An empty one is nil.
func list[T any](r record, field string, each func(record) T) []T {
	var out []T
	for i, item := range value[[]any](r, field, "array") {
		at := fmt.Sprintf("%s[%d]", field, i)
		fields, ok := item.(map[string]any)
		if !ok {
			r.fail(at, fmt.Sprintf("is %T, not a record", item))
			return nil
		}
		out = append(out, each(record{name: r.name, path: r.path + at + ".", fields: fields, fault: r.fault}))
	}
	return out
}

// optional is the union form of a text of which "" means none.
func optional(text string) any {
	if text == "" {
		return nil
	}
	return map[string]any{"string": text}
}

// instant drops what the schema cannot carry, so that it happens here, visibly.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func array[T any](items []T, each func(T) map[string]any) []any {
	out := make([]any, len(items))
	for i, item := range items {
		out[i] = each(item)
	}
	return out
}
