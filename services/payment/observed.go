package payment

// OrderStatus is an order's status as this service reads it.
type OrderStatus string

// What an order can be.
const (
	OrderPlaced    OrderStatus = "PLACED"
	OrderConfirmed OrderStatus = "CONFIRMED"
	OrderCompleted OrderStatus = "COMPLETED"
	OrderCancelled OrderStatus = "CANCELLED"
	OrderReturned  OrderStatus = "RETURNED"
)

// Order is what matters here of an order's public record. Amounts are in minor
// units; RefundDue is cumulative. Version 0 means that none was seen.
type Order struct {
	OrderID   string      `json:"order_id,omitempty"`
	Version   int64       `json:"version,omitempty"`
	Status    OrderStatus `json:"status,omitempty"`
	Total     int64       `json:"total,omitempty"`
	Currency  string      `json:"currency,omitempty"`
	Method    string      `json:"method,omitempty"`
	RefundDue int64       `json:"refund_due,omitempty"`
}

// Observed is the latest that this payment has seen of the others. It belongs
// in the same row as the State, locked before it is read.
type Observed struct {
	Order Order `json:"order,omitzero"`
}

// WithOrder returns what is observed after ord. It reports false, and nothing
// changes, when ord is not newer than what was seen: the newest version wins,
// in whatever order and however often the records arrive.
func (o Observed) WithOrder(ord Order) (Observed, bool) {
	if ord.Version <= o.Order.Version {
		return o, false
	}
	o.Order = ord
	return o, true
}
