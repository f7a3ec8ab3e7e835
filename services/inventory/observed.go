package inventory

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

// Order is what matters here of an order's public record. Version 0 means that
// none was seen.
type Order struct {
	OrderID string      `json:"order_id,omitempty"`
	Version int64       `json:"version,omitempty"`
	Status  OrderStatus `json:"status,omitempty"`
	Lines   []OrderLine `json:"lines,omitempty"` // goods only
}

// OrderLine is one line with stock behind it. Returned is cumulative.
type OrderLine struct {
	Line     int32  `json:"line"`
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
	Returned int64  `json:"returned,omitempty"`
}

// Observed is the latest that this reservation has seen of the others. It
// belongs in the same row as the State, locked before it is read.
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
