package inventory

// Status is where a reservation stands.
type Status string

// The statuses of a reservation. The empty status is one nobody has asked for.
const (
	StatusNone      Status = ""
	StatusReserved  Status = "RESERVED"
	StatusRejected  Status = "REJECTED"
	StatusCommitted Status = "COMMITTED"
	StatusReleased  Status = "RELEASED"
	StatusRestocked Status = "RESTOCKED"
)

// Statuses lists every public status, in the order in which they are reached.
func Statuses() []Status {
	return []Status{StatusReserved, StatusRejected, StatusCommitted, StatusReleased, StatusRestocked}
}

// Why a reservation was rejected, released or restocked.
const (
	ReasonOutOfStock     = "out of stock"
	ReasonOrderCancelled = "order cancelled"
	ReasonReturned       = "returned by the customer"
)

// Line is one line of an order that has stock behind it. Two lines may name
// the same SKU. SKUs that differ by case are different.
type Line struct {
	Line      int32  `json:"line"` // the order's line number
	SKU       string `json:"sku"`
	Quantity  int64  `json:"quantity"`
	Restocked int64  `json:"restocked,omitempty"` // units, only grows
}

// Shortage is an SKU of which an order wanted more than there was.
type Shortage struct {
	SKU       string `json:"sku"`
	Wanted    int64  `json:"wanted"`
	Available int64  `json:"available"`
}

// State is the reservation of one order. It holds no map and its JSON is the
// same for the same events. Copies share slices: treat a State as a value and
// never write into its slices.
type State struct {
	OrderID   string     `json:"order_id,omitempty"`
	Status    Status     `json:"status,omitempty"`
	Lines     []Line     `json:"lines,omitempty"`     // goods only, may be empty
	Shortages []Shortage `json:"shortages,omitempty"` // sorted by SKU
	Reason    string     `json:"reason,omitempty"`
	UpdatedAt int64      `json:"updated_at,omitempty"`
	LastEvent string     `json:"last_event,omitempty"`
}

// Public returns the status that others are shown; ok is false while there is
// nothing to show. Every status of a reservation is public.
func (s State) Public() (status string, ok bool) {
	return string(s.Status), s.Status != StatusNone
}

// Publishes reports whether these events change what others are shown. Every
// event of a reservation does.
func Publishes(events []Event) bool { return len(events) > 0 }

// RestockedTotal is how many units were put back after a commit, over all lines.
func (s State) RestockedTotal() int64 {
	var n int64
	for _, l := range s.Lines {
		n += l.Restocked
	}
	return n
}
