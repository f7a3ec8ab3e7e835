package payment

// Command is what is to happen to the payment of one order. At is the moment
// in microseconds since 1970 UTC, read by the caller.
//
//sumtype:decl
type Command interface{ isCommand() }

// Authorize opens the payment of an order: it asks for the gateway to create
// one, or authorizes at once when the amount is 0.
type Authorize struct {
	OrderID  string
	Amount   int64 // minor units
	Currency string
	Method   string // the gateway's token for the customer's means of payment
	At       int64
}

// Confirm asks for the money to be held, by the gateway's id.
type Confirm struct {
	At int64
}

// Capture asks for the held money to be taken.
type Capture struct {
	At int64
}

// Void gives up a payment that took nothing. Before anything was asked of the
// gateway it only leaves a floor.
type Void struct {
	OrderID string // for a payment that does not exist yet
	Reason  string
	At      int64
}

// Refund asks for money to be given back, up to To in total.
type Refund struct {
	To int64
	At int64
}

// RecordOpened is the outcome of CREATE: the gateway knows the payment by this
// id and holds nothing yet.
type RecordOpened struct {
	GatewayID string
	At        int64
}

// RecordAuthorized is the outcome of CONFIRM: the money is held.
type RecordAuthorized struct {
	At int64
}

// RecordDeclined is the definite refusal of CREATE or CONFIRM. Kind is which of
// them was refused: the answer to a CREATE that was asked twice can come when
// CONFIRM is in flight and money is held. Empty stands for the one in flight, for
// a caller that never asks twice.
type RecordDeclined struct {
	Kind   Kind
	Reason string
	At     int64
}

// RecordCaptured is the outcome of CAPTURE: the money is taken.
type RecordCaptured struct {
	At int64
}

// RecordCaptureRefused is the definite refusal of CAPTURE. A timeout is not.
type RecordCaptureRefused struct {
	Reason string
	At     int64
}

// RecordVoided is the outcome of VOID: nothing is held, and never will be.
type RecordVoided struct {
	At int64
}

// RecordRefunded is the outcome of the REFUND up to To in total.
type RecordRefunded struct {
	To int64
	At int64
}

// Contradict is React's answer to an observation that cannot be true. Decide
// always refuses it with ErrImpossible.
type Contradict struct {
	Detail string
}

func (Authorize) isCommand()            {}
func (Confirm) isCommand()              {}
func (Capture) isCommand()              {}
func (Void) isCommand()                 {}
func (Refund) isCommand()               {}
func (RecordOpened) isCommand()         {}
func (RecordAuthorized) isCommand()     {}
func (RecordDeclined) isCommand()       {}
func (RecordCaptured) isCommand()       {}
func (RecordCaptureRefused) isCommand() {}
func (RecordVoided) isCommand()         {}
func (RecordRefunded) isCommand()       {}
func (Contradict) isCommand()           {}

// Stamp returns the command with its moment set: React has no clock. A nil
// command stays nil.
func Stamp(c Command, at int64) Command {
	switch c := c.(type) {
	case Authorize:
		c.At = at
		return c
	case Confirm:
		c.At = at
		return c
	case Capture:
		c.At = at
		return c
	case Void:
		c.At = at
		return c
	case Refund:
		c.At = at
		return c
	case RecordOpened:
		c.At = at
		return c
	case RecordAuthorized:
		c.At = at
		return c
	case RecordDeclined:
		c.At = at
		return c
	case RecordCaptured:
		c.At = at
		return c
	case RecordCaptureRefused:
		c.At = at
		return c
	case RecordVoided:
		c.At = at
		return c
	case RecordRefunded:
		c.At = at
		return c
	case Contradict:
		return c
	}
	return c
}
