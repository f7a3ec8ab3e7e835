package schemas

import "time"

// PaymentStatus is where a payment stands.
type PaymentStatus string

// The statuses of a payment. DECLINED, REFUNDED and VOIDED are final.
const (
	PaymentUnknown    PaymentStatus = "UNKNOWN"    // read only: younger than this code
	PaymentAuthorized PaymentStatus = "AUTHORIZED" // money is held
	PaymentDeclined   PaymentStatus = "DECLINED"   // refused, nothing is held
	PaymentCaptured   PaymentStatus = "CAPTURED"   // money was taken, perhaps partly refunded
	PaymentRefunded   PaymentStatus = "REFUNDED"   // everything captured was paid back
	PaymentVoided     PaymentStatus = "VOIDED"     // the hold was given up, or never was
)

var paymentStatuses = []PaymentStatus{PaymentUnknown, PaymentAuthorized, PaymentDeclined, PaymentCaptured, PaymentRefunded, PaymentVoided}

// Payment is the full public state of one order's payment: a record of topic
// payments.
type Payment struct {
	// OrderID is the record's key.
	OrderID string `json:"order_id"`
	// Version is the number of the last event included, from 1. It ascends per
	// payment and may have gaps.
	Version int64 `json:"version"`
	// Event is the type of the event that led here; never decide on it.
	Event string `json:"event"`
	// Status is where the payment stands.
	Status PaymentStatus `json:"status"`
	// Currency is the ISO 4217 code of every amount; "" if the payment was
	// voided before its order was seen.
	Currency string `json:"currency"`
	// Amount is what the order costs, in minor units.
	Amount int64 `json:"amount"`
	// Captured is the money taken, in minor units. Grows only.
	Captured int64 `json:"captured"`
	// Refunded is the money paid back, in minor units. Grows only.
	Refunded int64 `json:"refunded"`
	// Reason is the code of a refusal or a void, "" otherwise.
	Reason string `json:"reason,omitempty"`
	// GatewayPaymentID finds the payment at the gateway; "" if that was never
	// asked.
	GatewayPaymentID string `json:"gateway_payment_id,omitempty"`
	// UpdatedAt is when the event of this version happened.
	UpdatedAt time.Time `json:"updated_at"`
}

// Avro returns the generic form of the payment, for an encoder of its schema.
func (p Payment) Avro() map[string]any {
	return map[string]any{
		"order_id":           p.OrderID,
		"version":            p.Version,
		"event":              p.Event,
		"status":             string(p.Status),
		"currency":           p.Currency,
		"amount":             p.Amount,
		"captured":           p.Captured,
		"refunded":           p.Refunded,
		"reason":             optional(p.Reason),
		"gateway_payment_id": optional(p.GatewayPaymentID),
		"updated_at":         instant(p.UpdatedAt),
	}
}

// PaymentFromAvro reads the generic form that a decoder of the payment's schema
// gives. A field that is missing or of a wrong type is a *FieldError.
func PaymentFromAvro(fields map[string]any) (Payment, error) {
	r := read("Payment", fields)
	p := Payment{
		OrderID:          r.text("order_id"),
		Version:          r.long("version"),
		Event:            r.text("event"),
		Status:           symbol(r, "status", paymentStatuses),
		Currency:         r.text("currency"),
		Amount:           r.long("amount"),
		Captured:         r.long("captured"),
		Refunded:         r.long("refunded"),
		Reason:           r.optional("reason"),
		GatewayPaymentID: r.optional("gateway_payment_id"),
		UpdatedAt:        r.instant("updated_at"),
	}
	if err := r.err(); err != nil {
		return Payment{}, err
	}
	return p, nil
}
