package payment

// Status is where a payment stands.
type Status string

// The statuses of a payment. The empty status is a payment nobody has asked
// for; AUTHORIZING is internal.
const (
	StatusNone        Status = ""
	StatusAuthorizing Status = "AUTHORIZING"
	StatusAuthorized  Status = "AUTHORIZED"
	StatusDeclined    Status = "DECLINED"
	StatusCaptured    Status = "CAPTURED"
	StatusRefunded    Status = "REFUNDED"
	StatusVoided      Status = "VOIDED"
)

// Statuses lists every public status, in the order in which they are reached.
func Statuses() []Status {
	return []Status{StatusAuthorized, StatusDeclined, StatusCaptured, StatusRefunded, StatusVoided}
}

// Why a payment was voided. What the gateway said follows the second one.
const (
	ReasonOrderCancelled = "order cancelled"
	ReasonCaptureRefused = "capture refused"
)

// Kind is what a command asks of the gateway.
type Kind string

// The commands to the gateway. The empty kind is none.
const (
	KindNone    Kind = ""
	KindCreate  Kind = "CREATE"
	KindConfirm Kind = "CONFIRM"
	KindCapture Kind = "CAPTURE"
	KindVoid    Kind = "VOID"
	KindRefund  Kind = "REFUND"
)

// InFlight is the one command the gateway has been asked and has not answered.
// From and To are cumulative amounts: refunded so far and after it for REFUND,
// 0 and the whole amount for the others.
type InFlight struct {
	Kind  Kind  `json:"kind,omitempty"`
	From  int64 `json:"from,omitempty"`
	To    int64 `json:"to,omitempty"`
	Since int64 `json:"since,omitempty"` // microseconds
}

// State is the payment of one order. It holds no map and its JSON is the same
// for the same events. UpdatedAt and LastEvent belong to what others are shown:
// they do not move while only the gateway and this service talk.
type State struct {
	OrderID   string   `json:"order_id,omitempty"`
	Status    Status   `json:"status,omitempty"`
	InFlight  InFlight `json:"in_flight,omitzero"`
	GatewayID string   `json:"gateway_id,omitempty"`

	Amount   int64  `json:"amount,omitempty"` // of the order, minor units
	Currency string `json:"currency,omitempty"`
	Method   string `json:"method,omitempty"`
	Captured int64  `json:"captured,omitempty"`
	Refunded int64  `json:"refunded,omitempty"` // cumulative, only grows

	Reason         string `json:"reason,omitempty"`          // of DECLINED or VOIDED
	VoidReason     string `json:"void_reason,omitempty"`     // while VOID is in flight
	CaptureRefusal string `json:"capture_refusal,omitempty"` // set once a capture was refused

	UpdatedAt int64  `json:"updated_at,omitempty"`
	LastEvent string `json:"last_event,omitempty"`
}

// Public returns the status that others are shown; ok is false while there is
// nothing to show. Whatever is in flight stays invisible until its outcome.
func (s State) Public() (status string, ok bool) {
	switch s.Status {
	case StatusNone, StatusAuthorizing:
		return "", false
	case StatusAuthorized, StatusDeclined, StatusCaptured, StatusRefunded, StatusVoided:
		return string(s.Status), true
	}
	return "", false
}
