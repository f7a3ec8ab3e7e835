package topics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/murmuration-dev/murmuration/pkg/avro"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/schemas"
)

// Decoder decodes records of any topic. It is not safe for concurrent use.
type Decoder struct {
	registry avro.SchemaSource // nil: built-in schemas only
	fellBack func(error)
	declared map[string]*declared
	others   map[int]*avro.Decoder // by schema id, of topics that are not declared
}

// declared is how the records of one declared topic are read.
type declared struct {
	typed func(map[string]any) (any, error)
	// byID resolves what the registry says into this program's schema; nil
	// without a registry.
	byID *avro.Decoder
	// builtIn are decoders of the versions in the catalogue, oldest first.
	builtIn []*avro.Decoder
}

// types turn the generic form of each declared topic into its type.
var types = map[string]func(map[string]any) (any, error){
	schemas.Orders:             typed(schemas.OrderFromAvro),
	schemas.Payments:           typed(schemas.PaymentFromAvro),
	schemas.Reservations:       typed(schemas.ReservationFromAvro),
	schemas.StockLevels:        typed(schemas.StockFromAvro),
	schemas.OrderPositions:     typed(schemas.PositionFromAvro),
	schemas.PaymentPositions:   typed(schemas.PositionFromAvro),
	schemas.InventoryPositions: typed(schemas.PositionFromAvro),
}

func typed[T any](from func(map[string]any) (T, error)) func(map[string]any) (any, error) {
	return func(fields map[string]any) (any, error) {
		record, err := from(fields)
		if err != nil {
			return nil, err
		}
		return record, nil
	}
}

// NewDecoder makes a decoder that asks registry for the schemas that values were
// written with; nil means that there is none. The first time that the registry
// gives no answer, fellBack is told, unless it is nil, and from then on the
// built-in schemas are used. It fails with avro.ErrInvalidSchema.
func NewDecoder(registry avro.SchemaSource, fellBack func(error)) (*Decoder, error) {
	d := &Decoder{registry: registry, fellBack: fellBack, declared: make(map[string]*declared), others: make(map[int]*avro.Decoder)}
	for _, topic := range schemas.Topics() {
		known := &declared{typed: types[topic.Name]}
		var err error
		if registry != nil {
			if known.byID, err = avro.NewDecoder(topic.Schema, registry); err != nil {
				return nil, fmt.Errorf("schema of %s: %w", topic.Name, err)
			}
		}
		for i, text := range topic.Versions {
			version, err := avro.NewDecoder(topic.Schema, only(text))
			if err != nil {
				return nil, fmt.Errorf("schema of %s, version %d: %w", topic.Name, i+1, err)
			}
			known.builtIn = append(known.builtIn, version)
		}
		d.declared[topic.Name] = known
	}
	return d, nil
}

// only is the source of one schema, whatever id a value names.
type only string

// SchemaByID implements avro.SchemaSource.
func (o only) SchemaByID(context.Context, int) (string, error) { return string(o), nil }

// Decode never fails: what cannot be decoded has a Fault. The entry shares no
// memory with the record.
func (d *Decoder) Decode(ctx context.Context, r kafka.Record) Entry {
	e := newEntry(r)
	if e.Tombstone {
		return e
	}
	record, schema, err := d.value(ctx, r.Topic, r.Value)
	if err != nil {
		e.Fault = err.Error()
		return e
	}
	e.Schema = schema
	e.take(record)
	if _, err := json.Marshal(e); err != nil { // a date beyond the year 9999, say
		e = newEntry(r)
		e.Fault = fmt.Sprintf("decoded with %s, but cannot be shown: %v", schema, err)
	}
	return e
}

func (d *Decoder) value(ctx context.Context, topic string, value []byte) (record any, schema string, err error) {
	id, _, err := avro.FrameID(value)
	if err != nil {
		return nil, "", err
	}
	known := d.declared[topic]
	if d.registry != nil {
		if known != nil {
			record, err = known.decode(ctx, known.byID, value)
		} else {
			record, err = d.other(ctx, id, value)
		}
		if !errors.Is(err, avro.ErrUnavailable) || ctx.Err() != nil {
			return record, fmt.Sprintf("registry id %d", id), err
		}
		d.registry = nil
		if d.fellBack != nil {
			d.fellBack(err)
		}
	}
	if known == nil {
		return nil, "", fmt.Errorf("topic %s is not declared, so only a registry could tell what schema %d is", topic, id)
	}
	return known.guess(ctx, value)
}

func (k *declared) decode(ctx context.Context, with *avro.Decoder, value []byte) (any, error) {
	fields, err := with.Decode(ctx, value)
	if err != nil {
		return nil, err
	}
	if k.typed == nil {
		return plain(fields), nil
	}
	return k.typed(fields)
}

// guess tries the versions of the catalogue, newest first. One that was not the
// writer's nearly always leaves bytes over or runs out of them.
func (k *declared) guess(ctx context.Context, value []byte) (record any, schema string, err error) {
	var newest error
	for i := len(k.builtIn) - 1; i >= 0; i-- {
		record, err := k.decode(ctx, k.builtIn[i], value)
		if err == nil {
			return record, fmt.Sprintf("built-in version %d", i+1), nil
		}
		if newest == nil {
			newest = err
		}
	}
	return nil, "", fmt.Errorf("no built-in version fits: %w", newest)
}

// other decodes a record of a topic that is not declared, as it was written.
func (d *Decoder) other(ctx context.Context, id int, value []byte) (any, error) {
	decoder, ok := d.others[id]
	if !ok {
		text, err := d.registry.SchemaByID(ctx, id)
		if err != nil {
			return nil, err
		}
		if decoder, err = avro.NewDecoder(text, d.registry); err != nil {
			return nil, err
		}
		d.others[id] = decoder
	}
	fields, err := decoder.Decode(ctx, value)
	if err != nil {
		return nil, err
	}
	return plain(fields), nil
}
