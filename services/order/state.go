package order

// Status is where an order stands.
type Status string

// The statuses of an order. The empty status is an order nobody has placed.
const (
	StatusNone      Status = ""
	StatusPlaced    Status = "PLACED"
	StatusConfirmed Status = "CONFIRMED"
	StatusCompleted Status = "COMPLETED"
	StatusCancelled Status = "CANCELLED"
	StatusReturned  Status = "RETURNED"
)

// Statuses lists every public status, in the order in which they are reached.
func Statuses() []Status {
	return []Status{StatusPlaced, StatusConfirmed, StatusCompleted, StatusCancelled, StatusReturned}
}

// CancelReason says why an order was cancelled.
type CancelReason string

// The reasons for a cancellation.
const (
	ReasonCustomer       CancelReason = "CUSTOMER"
	ReasonExpired        CancelReason = "EXPIRED"
	ReasonOutOfStock     CancelReason = "OUT_OF_STOCK"
	ReasonDeclined       CancelReason = "DECLINED"
	ReasonVoided         CancelReason = "PAYMENT_VOIDED"
	ReasonReleased       CancelReason = "RESERVATION_RELEASED"
	ReasonCaptureRefused CancelReason = "CAPTURE_REFUSED"
)

// Kind says whether a line has stock behind it.
type Kind string

// The kinds of a line. A service (postage, a discount voucher, a manual
// charge) carries money and no stock.
const (
	KindGoods   Kind = "GOODS"
	KindService Kind = "SERVICE"
)

// Line is one line of an order. Amount is what the whole line costs, in minor
// units of the order's currency: there is no unit price to multiply and round.
type Line struct {
	Line        int32  `json:"line"` // 1 for the first
	SKU         string `json:"sku"`  // case matters
	Description string `json:"description,omitempty"`
	Quantity    int64  `json:"quantity"`
	Amount      int64  `json:"amount"`
	Kind        Kind   `json:"kind"`
	Returned    int64  `json:"returned,omitempty"` // units, only grows
}

// State is one order. It holds no map and its JSON is the same for the same
// events, so that a rebuilt state can be compared byte for byte. Copies share
// slices: treat a State as a value and never write into its slices.
type State struct {
	OrderID       string `json:"order_id,omitempty"`
	Status        Status `json:"status,omitempty"`
	Customer      string `json:"customer,omitempty"`
	Currency      string `json:"currency,omitempty"`
	PaymentMethod string `json:"payment_method,omitempty"`
	Lines         []Line `json:"lines,omitempty"`
	Total         int64  `json:"total,omitempty"`
	RefundDue     int64  `json:"refund_due,omitempty"` // cumulative, only grows
	Deadline      int64  `json:"deadline,omitempty"`

	CancelReason CancelReason `json:"cancel_reason,omitempty"`
	CancelDetail string       `json:"cancel_detail,omitempty"`
	Returns      []ReturnSeen `json:"returns,omitempty"` // in order of arrival

	PlacedAt    int64  `json:"placed_at,omitempty"`
	ConfirmedAt int64  `json:"confirmed_at,omitempty"` // 0: never confirmed
	UpdatedAt   int64  `json:"updated_at,omitempty"`
	LastEvent   string `json:"last_event,omitempty"`
}

// ReturnSeen remembers one accepted return, so that its repetition is known.
type ReturnSeen struct {
	ID     string `json:"id"`
	Digest string `json:"digest"` // of its lines
}

// Public returns the status that others are shown; ok is false while there is
// nothing to show. Every status of an order is public.
func (s State) Public() (status string, ok bool) {
	return string(s.Status), s.Status != StatusNone
}

// Publishes reports whether these events change what others are shown. Every
// event of an order does.
func Publishes(events []Event) bool { return len(events) > 0 }

// ReturnedGoods is how many units with stock behind them have come back.
func (s State) ReturnedGoods() int64 {
	var n int64
	for _, l := range s.Lines {
		if l.Kind == KindGoods {
			n += l.Returned
		}
	}
	return n
}

// Cancellable reports whether a customer may still cancel.
func (s State) Cancellable() bool { return s.Status == StatusPlaced }

// Returnable reports whether anything can be returned now.
func (s State) Returnable() bool {
	if s.Status != StatusCompleted && s.Status != StatusReturned {
		return false
	}
	for _, l := range s.Lines {
		if l.Returned < l.Quantity {
			return true
		}
	}
	return false
}
