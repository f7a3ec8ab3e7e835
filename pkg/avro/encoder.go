package avro

import (
	"errors"
	"fmt"
	"math"
)

// Encoder turns generic records into framed bytes. It is safe for concurrent
// use.
type Encoder struct {
	id     int
	record *compiled
}

// recordHint is the room made for a record before it is encoded: most fit.
const recordHint = 256

// NewEncoder returns an encoder for a record schema under the id that the
// registry gave it. It fails with ErrInvalidSchema. The id has to be that of
// this very text: readers decode with what the registry has under it.
func NewEncoder(schema string, id int) (*Encoder, error) {
	if id < 1 || id > math.MaxInt32 {
		return nil, fmt.Errorf("make encoder: %d is not a schema id", id)
	}
	record, err := compile(schema)
	if err != nil {
		return nil, fmt.Errorf("make encoder for schema %d: %w", id, err)
	}
	return &Encoder{id: id, record: record}, nil
}

// ID returns the schema id that the encoder writes.
func (e *Encoder) ID() int { return e.id }

// Encode returns the framed bytes of a record in the generic form described at
// the package. It fails with ErrInvalidValue and the path of the first field
// that the schema does not know, that is missing without a default, or whose
// value the schema cannot hold exactly.
func (e *Encoder) Encode(native map[string]any) ([]byte, error) {
	if f := e.record.shape.conform(native, 0); f != nil {
		return nil, fmt.Errorf("encode %s: %w", e.record.shape.name, asKind(ErrInvalidValue, f))
	}
	out := appendFrame(make([]byte, 0, recordHint), e.id)
	out, err := e.record.codec.BinaryFromNative(out, native)
	if err != nil {
		// goavro's message would print the value.
		return nil, fmt.Errorf("encode %s: %w", e.record.shape.name,
			asKind(ErrInvalidValue, errors.New("refused by the codec")))
	}
	return out, nil
}
