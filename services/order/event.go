package order

// Event is something that happened to one order. Events are the truth and are
// never changed once written; a new shape gets a new schema number (codec.go).
//
//sumtype:decl
type Event interface {
	isEvent()
	// EventType is the name that is stored and shown, such as "Placed".
	EventType() string
}

// Placed opened the order.
type Placed struct {
	OrderID       string `json:"order_id"`
	Customer      string `json:"customer,omitempty"`
	Currency      string `json:"currency"`
	PaymentMethod string `json:"payment_method,omitempty"`
	Lines         []Line `json:"lines"`
	Total         int64  `json:"total"`
	Deadline      int64  `json:"deadline"`
	At            int64  `json:"at"`
}

// Confirmed is the point of no return: money and goods are promised.
type Confirmed struct {
	At int64 `json:"at"`
}

// Completed says that the money is taken and the goods have left the shelf.
type Completed struct {
	At int64 `json:"at"`
}

// Cancelled ended the order. Detail is the customer's or the other service's
// own wording.
type Cancelled struct {
	Reason CancelReason `json:"reason"`
	Detail string       `json:"detail,omitempty"`
	At     int64        `json:"at"`
}

// Returned took goods back. RefundDue is cumulative over the whole order.
type Returned struct {
	ReturnID  string         `json:"return_id"`
	Digest    string         `json:"digest"`
	Lines     []ReturnedLine `json:"lines"`
	Reason    string         `json:"reason,omitempty"`
	RefundDue int64          `json:"refund_due"`
	Complete  bool           `json:"complete"`
	At        int64          `json:"at"`
}

// ReturnedLine is one line of a return: how many units came back this time,
// and how many have come back in total.
type ReturnedLine struct {
	Line     int32 `json:"line"`
	Quantity int64 `json:"quantity"`
	Returned int64 `json:"returned"`
}

func (Placed) isEvent()    {}
func (Confirmed) isEvent() {}
func (Completed) isEvent() {}
func (Cancelled) isEvent() {}
func (Returned) isEvent()  {}

// EventType implements Event.
func (Placed) EventType() string { return "Placed" }

// EventType implements Event.
func (Confirmed) EventType() string { return "Confirmed" }

// EventType implements Event.
func (Completed) EventType() string { return "Completed" }

// EventType implements Event.
func (Cancelled) EventType() string { return "Cancelled" }

// EventType implements Event.
func (Returned) EventType() string { return "Returned" }
