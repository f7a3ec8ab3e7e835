package participant

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/avro"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/outbox"
)

// positions encodes the relay's position records as Avro, so that the tools that
// read all other records read them as well.
type positions struct {
	encoder *avro.Encoder
	decoder *avro.Decoder
}

func newPositions(ctx context.Context, registry Registry, subject, schema string) (*positions, error) {
	id, err := registry.Register(ctx, subject, schema)
	if err != nil {
		return nil, fmt.Errorf("register %s: %w", subject, err)
	}
	p := &positions{}
	if p.encoder, err = avro.NewEncoder(schema, id); err != nil {
		return nil, err
	}
	p.decoder, err = avro.NewDecoder(schema, registry)
	return p, err
}

func (p *positions) encode(position outbox.Position) ([]byte, error) {
	rows := make([]any, len(position.Rows))
	for i, row := range position.Rows {
		rows[i] = map[string]any{"kind": row.Stream.Kind, "id": row.Stream.ID, "version": row.Version}
	}
	return p.encoder.Encode(map[string]any{
		"relay":        position.Relay,
		"store_epoch":  position.StoreEpoch,
		"batch":        position.Batch,
		"rows":         rows,
		"digest":       position.Digest,
		"published_at": time.UnixMicro(position.At).UTC(),
	})
}

var errPositionShape = errors.New("position record lacks a field or has one of another type")

func (p *positions) decode(ctx context.Context, value []byte) (outbox.Position, error) {
	var out outbox.Position
	native, err := p.decoder.Decode(ctx, value)
	if err != nil {
		return out, err
	}
	var ok [6]bool
	var rows []any
	var at time.Time
	out.Relay, ok[0] = native["relay"].(string)
	out.StoreEpoch, ok[1] = native["store_epoch"].(string)
	out.Batch, ok[2] = native["batch"].(int64)
	rows, ok[3] = native["rows"].([]any)
	at, ok[4] = native["published_at"].(time.Time)
	out.Digest, ok[5] = native["digest"].(string)
	if ok != [6]bool{true, true, true, true, true, true} {
		return out, errPositionShape
	}
	out.At = at.UnixMicro()
	out.Rows = make([]eventstore.RowID, len(rows))
	for i := range rows {
		row, isRecord := rows[i].(map[string]any)
		kind, hasKind := row["kind"].(string)
		id, hasID := row["id"].(string)
		version, hasVersion := row["version"].(int64)
		if !isRecord || !hasKind || !hasID || !hasVersion {
			return out, errPositionShape
		}
		out.Rows[i] = eventstore.RowID{Stream: eventstore.StreamID{Kind: kind, ID: id}, Version: version}
	}
	return out, nil
}
