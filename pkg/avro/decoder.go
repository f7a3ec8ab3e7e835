package avro

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/twmb/avro"
)

// SchemaSource gives the text of the schema that the registry has under an id.
// A Registry is one. Errors should be of the kinds ErrUnknownSchema and
// ErrUnavailable, since a decoder passes them on.
type SchemaSource interface {
	SchemaByID(ctx context.Context, id int) (string, error)
}

// Decoder turns framed bytes, written with any schema that its reader's schema
// can read, into generic records of the reader's schema. It is safe for
// concurrent use.
type Decoder struct {
	reader *compiled
	source SchemaSource

	mu      sync.RWMutex
	writers map[int]*writer
}

// writer is a schema that records were written with, as the reader sees it.
type writer struct {
	shape    *shape
	resolved *avro.Schema // nil if the bytes are those of the reader's schema
	err      error        // why the reader cannot read it, for ever
}

// NewDecoder returns a decoder into the record schema readerSchema, which asks
// source once for every schema id that it meets. It fails with
// ErrInvalidSchema.
func NewDecoder(readerSchema string, source SchemaSource) (*Decoder, error) {
	reader, err := compile(readerSchema)
	if err != nil {
		return nil, fmt.Errorf("make decoder: %w", err)
	}
	return &Decoder{reader: reader, source: source, writers: make(map[int]*writer)}, nil
}

// Decode returns the record in the generic form described at the package. The
// result shares no memory with framed.
//
// Permanent failures: ErrNotFramed, ErrUnknownSchema, ErrInvalidSchema (what the
// registry has under the id is none), ErrIncompatible (the record's schema
// cannot be read as the reader's), ErrCorrupt, which includes bytes that follow
// the record. Transient: ErrUnavailable, and the end of ctx.
func (d *Decoder) Decode(ctx context.Context, framed []byte) (map[string]any, error) {
	id, body, err := FrameID(framed)
	if err != nil {
		return nil, err
	}
	w, err := d.writer(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("decode %s of schema %d: %w", d.reader.shape.name, id, err)
	}
	native, err := d.decode(w, body)
	if err != nil {
		return nil, fmt.Errorf("decode %s of schema %d: %w", d.reader.shape.name, id, asKind(ErrCorrupt, err))
	}
	return native, nil
}

func (d *Decoder) decode(w *writer, body []byte) (map[string]any, error) {
	rest, f := w.shape.scan(body, 0)
	if f != nil {
		return nil, f
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%d bytes follow the record", len(rest))
	}
	body, err := d.translate(w, body)
	if err != nil {
		return nil, err
	}
	native, rest, err := d.reader.codec.NativeFromBinary(body)
	if err != nil || len(rest) > 0 {
		return nil, errors.New("refused by the codec") // its message would print values
	}
	record, ok := native.(map[string]any)
	if !ok {
		return nil, errors.New("not a record")
	}
	return record, nil
}

// translate returns the record's bytes in the reader's schema. goavro cannot
// resolve: given another schema it reads wrong fields, mostly without noticing.
func (d *Decoder) translate(w *writer, body []byte) ([]byte, error) {
	if w.resolved == nil {
		if d.reader.bytes {
			body = bytes.Clone(body) // goavro returns slices of its input
		}
		return body, nil
	}
	var value any
	if _, err := w.resolved.Decode(body, &value, avro.TaggedUnions()); err != nil {
		return nil, errors.New("does not resolve into the reader's schema")
	}
	body, err := d.reader.schema.Encode(value)
	if err != nil {
		return nil, errors.New("does not fit into the reader's schema")
	}
	return body, nil
}

// writer returns what is known of a schema id. Only lasting answers are kept:
// ids are immutable, so a schema that cannot be read now never can.
func (d *Decoder) writer(ctx context.Context, id int) (*writer, error) {
	d.mu.RLock()
	w, ok := d.writers[id]
	d.mu.RUnlock()
	if !ok {
		text, err := d.source.SchemaByID(ctx, id)
		if err != nil {
			return nil, err
		}
		w = d.newWriter(text)
		d.mu.Lock()
		d.writers[id] = w
		d.mu.Unlock()
	}
	return w, w.err
}

func (d *Decoder) newWriter(text string) *writer {
	schema, err := parse(text)
	if err != nil {
		return &writer{err: err}
	}
	form, err := newShapeBuilder().build(schema.Root())
	if err != nil {
		return &writer{err: asKind(ErrInvalidSchema, err)}
	}
	// The canonical form leaves out documentation, defaults and logical types:
	// if it is the same, the bytes are.
	if bytes.Equal(schema.Canonical(), d.reader.schema.Canonical()) {
		return &writer{shape: form}
	}
	resolved, err := avro.Resolve(schema, d.reader.schema)
	if err != nil {
		return &writer{err: asKind(ErrIncompatible, err)}
	}
	return &writer{shape: form, resolved: resolved}
}
