package payment

// Event is something that happened to the payment of one order. Events are the
// truth and are never changed once written; a new shape gets a new schema
// number (codec.go).
//
//sumtype:decl
type Event interface {
	isEvent()
	// EventType is the name that is stored and shown, such as "Captured".
	EventType() string
}

// AuthorizationRequested put CREATE in flight. Internal.
type AuthorizationRequested struct {
	OrderID  string `json:"order_id"`
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
	Method   string `json:"method"`
	At       int64  `json:"at"`
}

// Opened is the gateway's id, stored before anything holds money. Internal.
type Opened struct {
	GatewayID string `json:"gateway_id"`
	At        int64  `json:"at"`
}

// ConfirmationRequested put CONFIRM in flight. Internal.
type ConfirmationRequested struct {
	At int64 `json:"at"`
}

// Authorized says that the whole amount is held. It is complete in itself: for
// an amount of 0 it is the first event.
type Authorized struct {
	OrderID  string `json:"order_id"`
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
	Method   string `json:"method,omitempty"`
	At       int64  `json:"at"`
}

// Declined ended the payment: the gateway refused.
type Declined struct {
	Reason string `json:"reason"`
	At     int64  `json:"at"`
}

// CaptureRequested put CAPTURE in flight. Internal.
type CaptureRequested struct {
	At int64 `json:"at"`
}

// Captured says that the money was taken. Amount is cumulative: all of it.
type Captured struct {
	Amount int64 `json:"amount"`
	At     int64 `json:"at"`
}

// CaptureRefused says that the money cannot be taken. The hold is voided next,
// and only that is shown to others. Internal.
type CaptureRefused struct {
	Reason string `json:"reason"`
	At     int64  `json:"at"`
}

// VoidRequested put VOID in flight. Internal.
type VoidRequested struct {
	Reason string `json:"reason"`
	At     int64  `json:"at"`
}

// Voided ended the payment with nothing taken.
type Voided struct {
	OrderID string `json:"order_id"`
	Reason  string `json:"reason"`
	At      int64  `json:"at"`
}

// RefundRequested put one REFUND in flight. From and To are cumulative. Internal.
type RefundRequested struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
	At   int64 `json:"at"`
}

// Refunded says that money went back. From and To are cumulative; Complete says
// that it was the last of it.
type Refunded struct {
	From     int64 `json:"from"`
	To       int64 `json:"to"`
	Complete bool  `json:"complete"`
	At       int64 `json:"at"`
}

func (AuthorizationRequested) isEvent() {}
func (Opened) isEvent()                 {}
func (ConfirmationRequested) isEvent()  {}
func (Authorized) isEvent()             {}
func (Declined) isEvent()               {}
func (CaptureRequested) isEvent()       {}
func (Captured) isEvent()               {}
func (CaptureRefused) isEvent()         {}
func (VoidRequested) isEvent()          {}
func (Voided) isEvent()                 {}
func (RefundRequested) isEvent()        {}
func (Refunded) isEvent()               {}

// EventType implements Event.
func (AuthorizationRequested) EventType() string { return "AuthorizationRequested" }

// EventType implements Event.
func (Opened) EventType() string { return "Opened" }

// EventType implements Event.
func (ConfirmationRequested) EventType() string { return "ConfirmationRequested" }

// EventType implements Event.
func (Authorized) EventType() string { return "Authorized" }

// EventType implements Event.
func (Declined) EventType() string { return "Declined" }

// EventType implements Event.
func (CaptureRequested) EventType() string { return "CaptureRequested" }

// EventType implements Event.
func (Captured) EventType() string { return "Captured" }

// EventType implements Event.
func (CaptureRefused) EventType() string { return "CaptureRefused" }

// EventType implements Event.
func (VoidRequested) EventType() string { return "VoidRequested" }

// EventType implements Event.
func (Voided) EventType() string { return "Voided" }

// EventType implements Event.
func (RefundRequested) EventType() string { return "RefundRequested" }

// EventType implements Event.
func (Refunded) EventType() string { return "Refunded" }

// Publishes reports whether these events change what others are shown. What
// goes on between this service and the gateway does not.
func Publishes(events []Event) bool {
	for _, e := range events {
		if published(e) {
			return true
		}
	}
	return false
}

func published(e Event) bool {
	switch e.(type) {
	case Authorized, Declined, Captured, Voided, Refunded:
		return true
	case AuthorizationRequested, Opened, ConfirmationRequested, CaptureRequested,
		CaptureRefused, VoidRequested, RefundRequested:
		return false
	}
	return false
}
