package schemas

import "time"

// ReservationStatus is where a reservation stands.
type ReservationStatus string

// The statuses of a reservation. REJECTED, RELEASED and RESTOCKED are final.
const (
	ReservationUnknown   ReservationStatus = "UNKNOWN"   // read only: younger than this code
	ReservationReserved  ReservationStatus = "RESERVED"  // every line is held
	ReservationRejected  ReservationStatus = "REJECTED"  // stock ran short, nothing is held
	ReservationCommitted ReservationStatus = "COMMITTED" // the goods left, perhaps some came back
	ReservationReleased  ReservationStatus = "RELEASED"  // given back, or never held
	ReservationRestocked ReservationStatus = "RESTOCKED" // everything committed came back
)

var reservationStatuses = []ReservationStatus{
	ReservationUnknown, ReservationReserved, ReservationRejected,
	ReservationCommitted, ReservationReleased, ReservationRestocked,
}

// Reservation is the full public state of the stock held for one order: a
// record of topic reservations.
type Reservation struct {
	// OrderID is the record's key.
	OrderID string `json:"order_id"`
	// Version is the number of the last event included, from 1. It ascends per
	// reservation and may have gaps.
	Version int64 `json:"version"`
	// Event is the type of the event that led here; never decide on it.
	Event string `json:"event"`
	// Status is where the reservation stands.
	Status ReservationStatus `json:"status"`
	// Lines are what is or was held, one for each line with goods.
	Lines []ReservedLine `json:"lines"`
	// Shortages are what ran short, if REJECTED.
	Shortages []Shortage `json:"shortages"`
	// Reason is the code of a rejection or release, "" otherwise.
	Reason string `json:"reason,omitempty"`
	// UpdatedAt is when the event of this version happened.
	UpdatedAt time.Time `json:"updated_at"`
}

// ReservedLine is the stock held for one line of the order.
type ReservedLine struct {
	// Line is the number of the line within the order.
	Line int `json:"line"`
	// SKU is the stock keeping unit.
	SKU string `json:"sku"`
	// Quantity is the pieces reserved, and committed later.
	Quantity int64 `json:"quantity"`
	// Restocked is the pieces that came back. Grows only.
	Restocked int64 `json:"restocked"`
}

// Shortage is an SKU of which the order wanted more than was available.
type Shortage struct {
	// SKU is the stock keeping unit.
	SKU string `json:"sku"`
	// Wanted is the pieces the order wanted, over all its lines.
	Wanted int64 `json:"wanted"`
	// Available is the pieces that were available at that moment.
	Available int64 `json:"available"`
}

// Avro returns the generic form of the reservation, for an encoder of its
// schema.
func (r Reservation) Avro() map[string]any {
	return map[string]any{
		"order_id":   r.OrderID,
		"version":    r.Version,
		"event":      r.Event,
		"status":     string(r.Status),
		"lines":      array(r.Lines, ReservedLine.avro),
		"shortages":  array(r.Shortages, Shortage.avro),
		"reason":     optional(r.Reason),
		"updated_at": instant(r.UpdatedAt),
	}
}

func (l ReservedLine) avro() map[string]any {
	return map[string]any{"line": l.Line, "sku": l.SKU, "quantity": l.Quantity, "restocked": l.Restocked}
}

func (s Shortage) avro() map[string]any {
	return map[string]any{"sku": s.SKU, "wanted": s.Wanted, "available": s.Available}
}

// ReservationFromAvro reads the generic form that a decoder of the
// reservation's schema gives. A field that is missing or of a wrong type is a
// *FieldError.
func ReservationFromAvro(fields map[string]any) (Reservation, error) {
	r := read("Reservation", fields)
	res := Reservation{
		OrderID: r.text("order_id"),
		Version: r.long("version"),
		Event:   r.text("event"),
		Status:  symbol(r, "status", reservationStatuses),
		Lines: list(r, "lines", func(r record) ReservedLine {
			return ReservedLine{Line: r.int("line"), SKU: r.text("sku"), Quantity: r.long("quantity"), Restocked: r.long("restocked")}
		}),
		Shortages: list(r, "shortages", func(r record) Shortage {
			return Shortage{SKU: r.text("sku"), Wanted: r.long("wanted"), Available: r.long("available")}
		}),
		Reason:    r.optional("reason"),
		UpdatedAt: r.instant("updated_at"),
	}
	if err := r.err(); err != nil {
		return Reservation{}, err
	}
	return res, nil
}
