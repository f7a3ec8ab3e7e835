package main

import (
	"context"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/avro"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/outbox"
	"github.com/murmuration-dev/murmuration/schemas"
)

// positions are encoded as the services encode them, with a schema that no
// registry has to be asked for.
type positions struct {
	encoder *avro.Encoder
	decoder *avro.Decoder
}

// text is a registry of one schema.
type text string

func (t text) SchemaByID(context.Context, int) (string, error) { return string(t), nil }

func newPositions() (*positions, error) {
	topic, _ := schemas.ByName(schemas.OrderPositions)
	encoder, err := avro.NewEncoder(topic.Schema, 1)
	if err != nil {
		return nil, err
	}
	decoder, err := avro.NewDecoder(topic.Schema, text(topic.Schema))
	return &positions{encoder, decoder}, err
}

func (p *positions) encode(position outbox.Position) ([]byte, error) {
	out := schemas.Position{
		Relay: position.Relay, StoreEpoch: position.StoreEpoch, Batch: position.Batch, Digest: position.Digest,
		PublishedAt: time.UnixMicro(position.At).UTC(), Rows: make([]schemas.PublishedRow, len(position.Rows)),
	}
	for i, row := range position.Rows {
		out.Rows[i] = schemas.PublishedRow{Kind: row.Stream.Kind, ID: row.Stream.ID, Version: row.Version}
	}
	return p.encoder.Encode(out.Avro())
}

func (p *positions) decode(ctx context.Context, value []byte) (outbox.Position, error) {
	native, err := p.decoder.Decode(ctx, value)
	if err != nil {
		return outbox.Position{}, err
	}
	in, err := schemas.PositionFromAvro(native)
	if err != nil {
		return outbox.Position{}, err
	}
	out := outbox.Position{
		Relay: in.Relay, StoreEpoch: in.StoreEpoch, Batch: in.Batch, Digest: in.Digest,
		At: in.PublishedAt.UnixMicro(), Rows: make([]eventstore.RowID, len(in.Rows)),
	}
	for i, row := range in.Rows {
		out.Rows[i] = eventstore.RowID{Stream: eventstore.StreamID{Kind: row.Kind, ID: row.ID}, Version: row.Version}
	}
	return out, nil
}
