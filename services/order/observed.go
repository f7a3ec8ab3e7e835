package order

// PaymentStatus is a payment's status as this service reads it.
type PaymentStatus string

// What a payment can be.
const (
	PaymentAuthorized PaymentStatus = "AUTHORIZED"
	PaymentDeclined   PaymentStatus = "DECLINED"
	PaymentCaptured   PaymentStatus = "CAPTURED"
	PaymentRefunded   PaymentStatus = "REFUNDED"
	PaymentVoided     PaymentStatus = "VOIDED"
)

// ReservationStatus is a reservation's status as this service reads it.
type ReservationStatus string

// What a reservation can be.
const (
	ReservationReserved  ReservationStatus = "RESERVED"
	ReservationRejected  ReservationStatus = "REJECTED"
	ReservationCommitted ReservationStatus = "COMMITTED"
	ReservationReleased  ReservationStatus = "RELEASED"
	ReservationRestocked ReservationStatus = "RESTOCKED"
)

// Payment is what matters here of a payment's public record. Amounts are in
// minor units and cumulative. Version 0 means that none was seen.
type Payment struct {
	Version  int64         `json:"version,omitempty"`
	Status   PaymentStatus `json:"status,omitempty"`
	Captured int64         `json:"captured,omitempty"`
	Refunded int64         `json:"refunded,omitempty"`
	Reason   string        `json:"reason,omitempty"`
}

// Reservation is what matters here of a reservation's public record. Restocked
// counts the units put back in stock after a commit, over all lines.
type Reservation struct {
	Version   int64             `json:"version,omitempty"`
	Status    ReservationStatus `json:"status,omitempty"`
	Restocked int64             `json:"restocked,omitempty"`
	Reason    string            `json:"reason,omitempty"`
}

// Observed is the latest that this order has seen of the others. It belongs
// in the same row as the State, locked before it is read: two observations
// stored side by side, each unseen by the other, would leave a good order
// waiting for its deadline.
type Observed struct {
	Payment     Payment     `json:"payment,omitzero"`
	Reservation Reservation `json:"reservation,omitzero"`
}

// WithPayment returns what is observed after p. It reports false, and nothing
// changes, when p is not newer than what was seen: the newest version wins,
// in whatever order and however often the records arrive.
func (o Observed) WithPayment(p Payment) (Observed, bool) {
	if p.Version <= o.Payment.Version {
		return o, false
	}
	o.Payment = p
	return o, true
}

// WithReservation is WithPayment for a reservation.
func (o Observed) WithReservation(r Reservation) (Observed, bool) {
	if r.Version <= o.Reservation.Version {
		return o, false
	}
	o.Reservation = r
	return o, true
}
