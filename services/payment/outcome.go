package payment

import (
	"cmp"
	"fmt"
)

// unnamed stands for a reason the gateway did not give.
const unnamed = "no reason given"

// decideOutcome records what the gateway answered. Only the answer to the
// command in flight counts; a late or repeated one changes nothing. An answer
// that says the opposite of what is recorded about the money is impossible.
func decideOutcome(s State, c Command) ([]Event, error) {
	if why := denies(s, c); why != "" {
		return nil, impossible(s, why)
	}
	flight := s.InFlight.Kind
	switch c := c.(type) { //nolint:gochecksumtype // the seven outcomes; Decide is exhaustive
	case RecordOpened:
		if c.GatewayID == "" {
			return nil, fmt.Errorf("open the payment of order %s without an id: %w", s.OrderID, ErrInvalid)
		}
		if flight == KindCreate {
			return []Event{Opened{GatewayID: c.GatewayID, At: c.At}}, nil
		}
	case RecordAuthorized:
		if flight == KindConfirm {
			return []Event{Authorized{
				OrderID: s.OrderID, Amount: s.Amount, Currency: s.Currency, Method: s.Method, At: c.At,
			}}, nil
		}
	case RecordDeclined:
		if (flight == KindCreate || flight == KindConfirm) && cmp.Or(c.Kind, flight) == flight {
			return []Event{Declined{Reason: cmp.Or(c.Reason, unnamed), At: c.At}}, nil
		}
	case RecordCaptured:
		if flight == KindCapture {
			return []Event{Captured{Amount: s.InFlight.To, At: c.At}}, nil
		}
	case RecordCaptureRefused:
		if flight == KindCapture {
			return []Event{CaptureRefused{Reason: cmp.Or(c.Reason, unnamed), At: c.At}}, nil
		}
	case RecordVoided:
		if flight == KindVoid {
			return []Event{Voided{OrderID: s.OrderID, Reason: s.VoidReason, At: c.At}}, nil
		}
	case RecordRefunded:
		if flight == KindRefund && c.To == s.InFlight.To {
			return []Event{Refunded{
				From: s.InFlight.From, To: c.To, Complete: c.To == s.Captured, At: c.At,
			}}, nil
		}
	default:
		return nil, fmt.Errorf("payment of order %s: %T is no outcome", s.OrderID, c)
	}
	return nil, nil
}

// denies names an outcome that cannot be a late repetition, because it says
// that money moved where this payment knows that it did not.
func denies(s State, c Command) string {
	ended := s.Status == StatusDeclined || s.Status == StatusVoided
	switch c := c.(type) {
	case RecordCaptured:
		if ended || s.InFlight.Kind == KindVoid || s.CaptureRefusal != "" {
			return "captured after it was given up"
		}
	case RecordVoided:
		if s.Status == StatusCaptured || s.Status == StatusRefunded {
			return "voided after it was captured"
		}
	case RecordRefunded:
		known := s.Refunded
		if s.InFlight.Kind == KindRefund {
			known = s.InFlight.To
		}
		if c.To > known {
			return fmt.Sprintf("refunded %d, which nobody asked for", c.To)
		}
	case RecordOpened, RecordAuthorized, RecordDeclined, RecordCaptureRefused: // no money has moved
	case Authorize, Confirm, Capture, Void, Refund, Contradict: // no outcomes
	}
	return ""
}
