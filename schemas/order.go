package schemas

import "time"

// OrderStatus is where an order stands.
type OrderStatus string

// The statuses of an order. CANCELLED and RETURNED are final.
const (
	OrderUnknown   OrderStatus = "UNKNOWN"   // read only: younger than this code
	OrderPlaced    OrderStatus = "PLACED"    // waits for payment and reservation
	OrderConfirmed OrderStatus = "CONFIRMED" // both are there; the customer can no longer cancel
	OrderCompleted OrderStatus = "COMPLETED" // paid and taken from stock
	OrderCancelled OrderStatus = "CANCELLED" // Reason says why
	OrderReturned  OrderStatus = "RETURNED"  // every line, entirely
)

var orderStatuses = []OrderStatus{OrderUnknown, OrderPlaced, OrderConfirmed, OrderCompleted, OrderCancelled, OrderReturned}

// LineKind says whether stock is moved for a line.
type LineKind string

// The kinds of a line.
const (
	LineUnknown LineKind = "UNKNOWN" // read only: younger than this code
	LineGoods   LineKind = "GOODS"   // reserved and taken from stock
	LineService LineKind = "SERVICE" // money only, such as postage
)

var lineKinds = []LineKind{LineUnknown, LineGoods, LineService}

// Order is the full public state of one order: a record of topic orders.
type Order struct {
	// OrderID is the record's key.
	OrderID string `json:"order_id"`
	// Version is the number of the last event included, from 1. It ascends per
	// order and may have gaps.
	Version int64 `json:"version"`
	// Event is the type of the event that led here; never decide on it.
	Event string `json:"event"`
	// Status is where the order stands.
	Status OrderStatus `json:"status"`
	// Customer is an opaque identifier.
	Customer string `json:"customer"`
	// Currency is the ISO 4217 code of every amount.
	Currency string `json:"currency"`
	// PaymentMethod is the gateway's token, never card data.
	PaymentMethod string `json:"payment_method"`
	// Total is the sum of the lines' amounts, in minor units.
	Total int64 `json:"total"`
	// Lines never change in number after PLACED.
	Lines []OrderLine `json:"lines"`
	// RefundDue is owed back for returns so far, in minor units. Grows only.
	RefundDue int64 `json:"refund_due"`
	// Reason is the code of a cancellation, "" otherwise.
	Reason string `json:"reason,omitempty"`
	// PlacedAt is when the customer placed the order.
	PlacedAt time.Time `json:"placed_at"`
	// UpdatedAt is when the event of this version happened.
	UpdatedAt time.Time `json:"updated_at"`
}

// OrderLine is one line of an order. One SKU may stand on several lines.
type OrderLine struct {
	// Line numbers the line within the order, from 1.
	Line int `json:"line"`
	// SKU is the stock keeping unit, the key of topic stock.
	SKU string `json:"sku"`
	// Description is text for people.
	Description string `json:"description"`
	// Quantity is in pieces, above 0.
	Quantity int64 `json:"quantity"`
	// Amount is the price of the whole line, in minor units.
	Amount int64 `json:"amount"`
	// Kind says whether stock is moved.
	Kind LineKind `json:"kind"`
	// Returned is in pieces, at most Quantity. Grows only.
	Returned int64 `json:"returned"`
}

// Avro returns the generic form of the order, for an encoder of its schema.
func (o Order) Avro() map[string]any {
	return map[string]any{
		"order_id":       o.OrderID,
		"version":        o.Version,
		"event":          o.Event,
		"status":         string(o.Status),
		"customer":       o.Customer,
		"currency":       o.Currency,
		"payment_method": o.PaymentMethod,
		"total":          o.Total,
		"lines":          array(o.Lines, OrderLine.avro),
		"refund_due":     o.RefundDue,
		"reason":         optional(o.Reason),
		"placed_at":      instant(o.PlacedAt),
		"updated_at":     instant(o.UpdatedAt),
	}
}

func (l OrderLine) avro() map[string]any {
	return map[string]any{
		"line":        l.Line,
		"sku":         l.SKU,
		"description": l.Description,
		"quantity":    l.Quantity,
		"amount":      l.Amount,
		"kind":        string(l.Kind),
		"returned":    l.Returned,
	}
}

// OrderFromAvro reads the generic form that a decoder of the order's schema
// gives. A field that is missing or of a wrong type is a *FieldError.
func OrderFromAvro(fields map[string]any) (Order, error) {
	r := read("Order", fields)
	o := Order{
		OrderID:       r.text("order_id"),
		Version:       r.long("version"),
		Event:         r.text("event"),
		Status:        symbol(r, "status", orderStatuses),
		Customer:      r.text("customer"),
		Currency:      r.text("currency"),
		PaymentMethod: r.text("payment_method"),
		Total:         r.long("total"),
		Lines:         list(r, "lines", orderLine),
		RefundDue:     r.long("refund_due"),
		Reason:        r.optional("reason"),
		PlacedAt:      r.instant("placed_at"),
		UpdatedAt:     r.instant("updated_at"),
	}
	if err := r.err(); err != nil {
		return Order{}, err
	}
	return o, nil
}

func orderLine(r record) OrderLine {
	return OrderLine{
		Line:        r.int("line"),
		SKU:         r.text("sku"),
		Description: r.text("description"),
		Quantity:    r.long("quantity"),
		Amount:      r.long("amount"),
		Kind:        symbol(r, "kind", lineKinds),
		Returned:    r.long("returned"),
	}
}
