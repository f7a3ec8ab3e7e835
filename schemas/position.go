package schemas

import "time"

// Position is what one relay has published: a record of the owner's positions
// topic, written in the same transaction as the records that it names.
type Position struct {
	// Relay is the record's key.
	Relay string `json:"relay"`
	// StoreEpoch is the identity of the database that the rows came from.
	StoreEpoch string `json:"store_epoch"`
	// Batch numbers the published batches, from 1, without gaps.
	Batch int64 `json:"batch"`
	// Rows are the published rows whose deletion is not yet certain.
	Rows []PublishedRow `json:"rows"`
	// Digest identifies the contents of the rows.
	Digest string `json:"digest"`
	// PublishedAt is when the batch was written, by the relay's clock.
	PublishedAt time.Time `json:"published_at"`
}

// PublishedRow names an outbox row by what is never used again.
type PublishedRow struct {
	// Kind is the kind of the stream, such as order.
	Kind string `json:"kind"`
	// ID identifies the stream within its kind.
	ID string `json:"id"`
	// Version is the stream's version that the row carries.
	Version int64 `json:"version"`
}

// Avro returns the generic form of the position, for an encoder of its schema.
func (p Position) Avro() map[string]any {
	return map[string]any{
		"relay":        p.Relay,
		"store_epoch":  p.StoreEpoch,
		"batch":        p.Batch,
		"rows":         array(p.Rows, PublishedRow.avro),
		"digest":       p.Digest,
		"published_at": instant(p.PublishedAt),
	}
}

func (r PublishedRow) avro() map[string]any {
	return map[string]any{"kind": r.Kind, "id": r.ID, "version": r.Version}
}

// PositionFromAvro reads the generic form that a decoder of the position's
// schema gives. A field that is missing or of a wrong type is a *FieldError.
func PositionFromAvro(fields map[string]any) (Position, error) {
	r := read("Position", fields)
	p := Position{
		Relay:      r.text("relay"),
		StoreEpoch: r.text("store_epoch"),
		Batch:      r.long("batch"),
		Rows: list(r, "rows", func(r record) PublishedRow {
			return PublishedRow{Kind: r.text("kind"), ID: r.text("id"), Version: r.long("version")}
		}),
		Digest:      r.text("digest"),
		PublishedAt: r.instant("published_at"),
	}
	if err := r.err(); err != nil {
		return Position{}, err
	}
	return p, nil
}
