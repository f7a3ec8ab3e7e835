package payment

import (
	"cmp"
	"fmt"
)

// Decide says what happens when the command meets the state: events to store,
// or the reason for a refusal. No events and no error means that there is
// nothing to do: the command's wish is already so, or the outcome it records
// is late or was recorded before. It never changes s.
func Decide(s State, c Command) ([]Event, error) {
	switch c := c.(type) {
	case Authorize:
		return decideAuthorize(s, c)
	case Void:
		return decideVoid(s, c)
	case Contradict:
		return nil, impossible(s, c.Detail)
	case Confirm, Capture, Refund:
		if s.Status == StatusNone {
			return nil, fmt.Errorf("%T: %w", c, ErrUnknown)
		}
		return decideRequest(s, c)
	case RecordOpened, RecordAuthorized, RecordDeclined, RecordCaptured, RecordCaptureRefused,
		RecordVoided, RecordRefunded:
		if s.Status == StatusNone {
			return nil, fmt.Errorf("%T: %w", c, ErrUnknown)
		}
		return decideOutcome(s, c)
	}
	return nil, fmt.Errorf("payment of order %s: no such command %T", s.OrderID, c)
}

func decideAuthorize(s State, c Authorize) ([]Event, error) {
	switch {
	case s.Status != StatusNone:
		return nil, nil
	case c.OrderID == "" || c.Amount < 0 || c.Currency == "":
		return nil, fmt.Errorf("authorize %d %q for order %q: %w", c.Amount, c.Currency, c.OrderID, ErrInvalid)
	case c.Amount == 0:
		return []Event{Authorized{OrderID: c.OrderID, Currency: c.Currency, Method: c.Method, At: c.At}}, nil
	}
	return []Event{AuthorizationRequested{
		OrderID: c.OrderID, Amount: c.Amount, Currency: c.Currency, Method: c.Method, At: c.At,
	}}, nil
}

// decideVoid gives up what took nothing. With a command in flight it would
// race against that command's outcome, so it has to wait.
func decideVoid(s State, c Void) ([]Event, error) {
	switch s.Status {
	case StatusNone:
		if c.OrderID == "" {
			return nil, fmt.Errorf("void the payment of no order: %w", ErrInvalid)
		}
		return []Event{Voided{OrderID: c.OrderID, Reason: c.Reason, At: c.At}}, nil
	case StatusAuthorizing, StatusAuthorized:
		switch {
		case s.InFlight.Kind == KindVoid:
			return nil, nil
		case s.InFlight.Kind != KindNone:
			return nil, impossible(s, "void while another command is in flight")
		case s.Amount == 0:
			return []Event{Voided{OrderID: s.OrderID, Reason: c.Reason, At: c.At}}, nil
		}
		return []Event{VoidRequested{Reason: c.Reason, At: c.At}}, nil
	case StatusDeclined, StatusVoided:
		return nil, nil
	case StatusCaptured, StatusRefunded:
		return nil, impossible(s, "void what was taken")
	}
	return nil, impossible(s, "void")
}

// decideRequest puts a command in flight, when none is.
func decideRequest(s State, c Command) ([]Event, error) {
	switch c := c.(type) { //nolint:gochecksumtype // the three requests; Decide is exhaustive
	case Confirm:
		switch {
		case s.InFlight.Kind == KindConfirm || s.Status != StatusAuthorizing:
			return nil, nil
		case s.InFlight.Kind != KindNone:
			return nil, impossible(s, "confirm while another command is in flight")
		}
		return []Event{ConfirmationRequested{At: c.At}}, nil
	case Capture:
		return decideCapture(s, c)
	case Refund:
		return decideRefund(s, c)
	default:
		return nil, fmt.Errorf("payment of order %s: %T is no request", s.OrderID, c)
	}
}

func decideCapture(s State, c Capture) ([]Event, error) {
	switch {
	case s.Status == StatusCaptured || s.Status == StatusRefunded || s.InFlight.Kind == KindCapture:
		return nil, nil
	case s.Status != StatusAuthorized:
		return nil, impossible(s, "capture what is not held")
	case s.InFlight.Kind != KindNone:
		return nil, impossible(s, "capture while another command is in flight")
	case s.CaptureRefusal != "":
		return nil, impossible(s, "capture what was refused")
	case s.Amount == 0:
		return []Event{Captured{At: c.At}}, nil
	}
	return []Event{CaptureRequested{At: c.At}}, nil
}

// decideRefund asks for the difference between what is due and what was given
// back; with a refund in flight that difference is not known.
func decideRefund(s State, c Refund) ([]Event, error) {
	switch {
	case s.Status != StatusCaptured && s.Status != StatusRefunded:
		return nil, impossible(s, "refund what was not taken")
	case c.To > s.Captured:
		return nil, impossible(s, fmt.Sprintf("refund %d of %d", c.To, s.Captured))
	case c.To <= s.Refunded || s.InFlight.Kind == KindRefund && s.InFlight.To == c.To:
		return nil, nil
	case s.InFlight.Kind != KindNone:
		return nil, impossible(s, "refund while another command is in flight")
	}
	return []Event{RefundRequested{From: s.Refunded, To: c.To, At: c.At}}, nil
}

func impossible(s State, what string) error {
	return fmt.Errorf("payment of order %s is %s (in flight: %s): %s: %w",
		s.OrderID, cmp.Or(s.Status, "not there"), cmp.Or(s.InFlight.Kind, "nothing"), what, ErrImpossible)
}
