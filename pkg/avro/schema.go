package avro

import (
	"errors"
	"fmt"

	"github.com/linkedin/goavro/v2"
	"github.com/twmb/avro"
)

// maxSchema bounds the text of a schema. Registries refuse larger ones too.
const maxSchema = 1 << 20

// parse reads any schema that stands on its own.
func parse(text string) (*avro.Schema, error) {
	if len(text) > maxSchema {
		return nil, asKind(ErrInvalidSchema, fmt.Errorf("%d bytes, at most %d", len(text), maxSchema))
	}
	schema, err := avro.Parse(text)
	if err != nil {
		return nil, asKind(ErrInvalidSchema, err)
	}
	return schema, nil
}

// compiled is a record's schema, ready to encode and decode.
type compiled struct {
	schema *avro.Schema
	shape  *shape
	codec  *goavro.Codec
	bytes  bool // decoded values share memory with their input
}

func compile(text string) (*compiled, error) {
	schema, err := parse(text)
	if err != nil {
		return nil, err
	}
	b := newShapeBuilder()
	form, err := b.build(schema.Root())
	if err != nil {
		return nil, asKind(ErrInvalidSchema, err)
	}
	if form.kind != "record" {
		return nil, asKind(ErrInvalidSchema, errors.New("not a record"))
	}
	if b.decimals {
		// goavro silently truncates them.
		return nil, asKind(ErrInvalidSchema, errors.New("decimal is not supported: use long minor units"))
	}
	codec, err := goavro.NewCodec(text)
	if err != nil {
		return nil, asKind(ErrInvalidSchema, err)
	}
	return &compiled{schema: schema, shape: form, codec: codec, bytes: b.bytes}, nil
}
