package payment

import "fmt"

// React says what the payment does next, given all it has seen: a command for
// Decide, or nil when it has to wait. It runs after every observation and
// after every outcome of the gateway, with the payment's stream locked. Stamp
// sets the command's moment.
//
// While a gateway command is in flight nothing else is asked: what was seen is
// remembered and acted upon at the outcome. An observation at or behind the
// payment's own state asks for nothing. One that cannot be true gives a
// Contradict, which Decide refuses.
func React(s State, o Observed) Command {
	if why := contradiction(s, o.Order); why != "" {
		return Contradict{Detail: why}
	}
	if s.InFlight.Kind != KindNone {
		return nil
	}
	switch s.Status {
	case StatusNone:
		return reactNone(o.Order)
	case StatusAuthorizing:
		return reactOpened(o.Order)
	case StatusAuthorized:
		return reactAuthorized(s, o.Order)
	case StatusCaptured:
		if o.Order.RefundDue > s.Refunded {
			return Refund{To: o.Order.RefundDue}
		}
		return nil
	case StatusDeclined, StatusRefunded, StatusVoided:
		return nil
	}
	return nil
}

func reactNone(ord Order) Command {
	switch ord.Status {
	case OrderPlaced:
		return Authorize{OrderID: ord.OrderID, Amount: ord.Total, Currency: ord.Currency, Method: ord.Method}
	case OrderCancelled:
		return Void{OrderID: ord.OrderID, Reason: ReasonOrderCancelled}
	case OrderConfirmed, OrderCompleted, OrderReturned: // contradictions
	}
	return nil
}

// reactOpened: the gateway has given its id and holds nothing. A cancellation
// that came meanwhile voids by that id, which is final at the gateway.
func reactOpened(ord Order) Command {
	switch ord.Status {
	case OrderPlaced:
		return Confirm{}
	case OrderCancelled:
		return Void{Reason: ReasonOrderCancelled}
	case OrderConfirmed, OrderCompleted, OrderReturned: // contradictions
	}
	return nil
}

func reactAuthorized(s State, ord Order) Command {
	if s.CaptureRefusal != "" {
		return Void{Reason: ReasonCaptureRefused + ": " + s.CaptureRefusal}
	}
	switch ord.Status {
	case OrderConfirmed:
		return Capture{}
	case OrderCancelled:
		return Void{Reason: ReasonOrderCancelled}
	case OrderPlaced, OrderCompleted, OrderReturned: // too early, contradictions
	}
	return nil
}

// contradiction names what cannot be true at once, or is empty. Whatever is
// merely behind is let through: a re-read topic shows old records again.
func contradiction(s State, ord Order) string {
	if ord.Version == 0 {
		return ""
	}
	possible := false
	switch ord.Status {
	case OrderPlaced:
		possible = true
	case OrderConfirmed:
		possible = mayBeConfirmed(s)
	case OrderCompleted, OrderReturned:
		possible = s.Status == StatusCaptured || s.Status == StatusRefunded
	case OrderCancelled:
		possible = mayBeCancelled(s)
	}
	if !possible {
		return fmt.Sprintf("order version %d is %s", ord.Version, ord.Status)
	}
	if ord.RefundDue > s.Captured {
		return fmt.Sprintf("order version %d has %d to refund of %d taken", ord.Version, ord.RefundDue, s.Captured)
	}
	return ""
}

// mayBeConfirmed: an order is confirmed only after it saw the money held, and
// a payment that was given up for a cancelled order was never confirmed.
func mayBeConfirmed(s State) bool {
	switch s.Status {
	case StatusAuthorized:
		return s.InFlight.Kind != KindVoid || s.CaptureRefusal != ""
	case StatusCaptured, StatusRefunded:
		return true
	case StatusVoided:
		return s.CaptureRefusal != ""
	case StatusNone, StatusAuthorizing, StatusDeclined:
		return false
	}
	return false
}

// mayBeCancelled: once confirmed an order waits for the capture, and only a
// void that others can see cancels it.
func mayBeCancelled(s State) bool {
	switch s.Status {
	case StatusAuthorized:
		return s.InFlight.Kind != KindCapture && s.CaptureRefusal == ""
	case StatusNone, StatusAuthorizing, StatusDeclined, StatusVoided:
		return true
	case StatusCaptured, StatusRefunded:
		return false
	}
	return false
}
