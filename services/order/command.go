package order

// Command is what somebody wants to happen to one order. At is the moment in
// microseconds since 1970 UTC, read by the caller.
//
//sumtype:decl
type Command interface{ isCommand() }

// Place opens an order. Lines are numbered by their position, so Line.Line is
// zero or that position, and Line.Returned is zero. Errors: ErrInvalid,
// ErrAlreadyPlaced.
type Place struct {
	ID            string
	Customer      string // empty for a guest
	Currency      string // ISO 4217, such as "GBP"
	PaymentMethod string // a token of the gateway; may be empty when the total is 0
	Lines         []Line
	Deadline      int64 // microseconds; an order still PLACED then is cancelled
	At            int64
}

// Cancel is the customer's wish. Cancelling a cancelled order again is no
// error. Errors: ErrUnknown, ErrNotCancellable.
type Cancel struct {
	Reason string // the customer's words, may be empty
	At     int64
}

// Return gives back some of the order's lines. ID is the caller's name for
// this return: the same return again changes nothing. Errors: ErrUnknown,
// ErrInvalid, ErrNotReturnable, ErrReturnConflict.
type Return struct {
	ID     string
	Lines  []ReturnLine
	Reason string
	At     int64
}

// ReturnLine says how many units of one line come back this time.
type ReturnLine struct {
	Line     int32 `json:"line"`
	Quantity int64 `json:"quantity"`
}

// Expire is the deadline. It does nothing to an order that has left PLACED.
// Errors: ErrUnknown, ErrNotDue.
type Expire struct {
	At int64
}

// Confirm follows an authorized payment and a held reservation.
type Confirm struct {
	At int64
}

// Complete follows a captured payment and a committed reservation.
type Complete struct {
	At int64
}

// Reject follows a payment or a reservation that was refused before the order
// was confirmed. Detail is the other service's reason.
type Reject struct {
	Reason CancelReason
	Detail string
	At     int64
}

// CancelCaptureRefused follows the voiding of a payment whose capture was
// refused: the one way out of CONFIRMED other than completion.
type CancelCaptureRefused struct {
	Detail string
	At     int64
}

// Contradict is React's answer to an observation that cannot be true. Decide
// always refuses it with ErrImpossible.
type Contradict struct {
	Detail string
}

func (Place) isCommand()                {}
func (Cancel) isCommand()               {}
func (Return) isCommand()               {}
func (Expire) isCommand()               {}
func (Confirm) isCommand()              {}
func (Complete) isCommand()             {}
func (Reject) isCommand()               {}
func (CancelCaptureRefused) isCommand() {}
func (Contradict) isCommand()           {}

// Stamp returns the command with its moment set: React has no clock. A nil
// command stays nil.
func Stamp(c Command, at int64) Command {
	switch c := c.(type) {
	case Place:
		c.At = at
		return c
	case Cancel:
		c.At = at
		return c
	case Return:
		c.At = at
		return c
	case Expire:
		c.At = at
		return c
	case Confirm:
		c.At = at
		return c
	case Complete:
		c.At = at
		return c
	case Reject:
		c.At = at
		return c
	case CancelCaptureRefused:
		c.At = at
		return c
	case Contradict:
		return c
	}
	return c
}
