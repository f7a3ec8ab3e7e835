package schemas

import "time"

// Stock is the full public state of one stock keeping unit: a record of topic
// stock. At any version OnHand = Received − Committed + Restocked − WrittenOff
// and Available = OnHand − Reserved, and none of them is below 0.
type Stock struct {
	// SKU is the record's key.
	SKU string `json:"sku"`
	// Version is the number of the last event included, from 1. It ascends per
	// SKU and may have gaps.
	Version int64 `json:"version"`
	// Event is the type of the event that led here; never decide on it.
	Event string `json:"event"`
	// OnHand is the pieces in the warehouse, reserved ones included.
	OnHand int64 `json:"on_hand"`
	// Reserved is the pieces held for orders that are not yet committed.
	Reserved int64 `json:"reserved"`
	// Available is the pieces that an order can still reserve.
	Available int64 `json:"available"`
	// Received is the pieces ever received. Grows only.
	Received int64 `json:"received"`
	// Committed is the pieces ever taken out for orders. Grows only.
	Committed int64 `json:"committed"`
	// Restocked is the pieces ever put back. Grows only.
	Restocked int64 `json:"restocked"`
	// WrittenOff is the pieces ever lost. Grows only.
	WrittenOff int64 `json:"written_off"`
	// UpdatedAt is when the event of this version happened.
	UpdatedAt time.Time `json:"updated_at"`
}

// Avro returns the generic form of the stock, for an encoder of its schema.
func (s Stock) Avro() map[string]any {
	return map[string]any{
		"sku":         s.SKU,
		"version":     s.Version,
		"event":       s.Event,
		"on_hand":     s.OnHand,
		"reserved":    s.Reserved,
		"available":   s.Available,
		"received":    s.Received,
		"committed":   s.Committed,
		"restocked":   s.Restocked,
		"written_off": s.WrittenOff,
		"updated_at":  instant(s.UpdatedAt),
	}
}

// StockFromAvro reads the generic form that a decoder of the stock's schema
// gives. A field that is missing or of a wrong type is a *FieldError.
func StockFromAvro(fields map[string]any) (Stock, error) {
	r := read("Stock", fields)
	s := Stock{
		SKU:        r.text("sku"),
		Version:    r.long("version"),
		Event:      r.text("event"),
		OnHand:     r.long("on_hand"),
		Reserved:   r.long("reserved"),
		Available:  r.long("available"),
		Received:   r.long("received"),
		Committed:  r.long("committed"),
		Restocked:  r.long("restocked"),
		WrittenOff: r.long("written_off"),
		UpdatedAt:  r.instant("updated_at"),
	}
	if err := r.err(); err != nil {
		return Stock{}, err
	}
	return s, nil
}
