package order

import (
	"fmt"
	"slices"
)

// Decide says what happens when the command meets the state: events to store,
// or the reason for a refusal. No events and no error means that what the
// command wants is already so. It never changes s.
func Decide(s State, c Command) ([]Event, error) {
	if place, ok := c.(Place); ok {
		return decidePlace(s, place)
	}
	if s.Status == StatusNone {
		if impossible, ok := c.(Contradict); ok {
			return nil, fmt.Errorf("order: %s: %w", impossible.Detail, ErrImpossible)
		}
		return nil, fmt.Errorf("%s: %w", commandName(c), ErrUnknown)
	}
	switch c := c.(type) {
	case Place: // decided above
	case Cancel:
		return decideCancel(s, c)
	case Return:
		return decideReturn(s, c)
	case Expire:
		return decideExpire(s, c)
	case Confirm:
		return advance(s, StatusPlaced, StatusConfirmed, Confirmed{At: c.At})
	case Complete:
		return advance(s, StatusConfirmed, StatusCompleted, Completed{At: c.At})
	case Reject:
		return cancelFrom(s, StatusPlaced, Cancelled{Reason: c.Reason, Detail: c.Detail, At: c.At})
	case CancelCaptureRefused:
		return cancelFrom(s, StatusConfirmed, Cancelled{Reason: ReasonCaptureRefused, Detail: c.Detail, At: c.At})
	case Contradict:
		return nil, fmt.Errorf("order %s is %s: %s: %w", s.OrderID, s.Status, c.Detail, ErrImpossible)
	}
	return nil, fmt.Errorf("order %s: no such command %T", s.OrderID, c)
}

func decidePlace(s State, c Place) ([]Event, error) {
	if s.Status != StatusNone {
		return nil, fmt.Errorf("place order %s: %w", s.OrderID, ErrAlreadyPlaced)
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	lines := slices.Clone(c.Lines)
	var total int64
	for i := range lines {
		lines[i].Line = int32(i + 1)
		total += lines[i].Amount
	}
	return []Event{Placed{
		OrderID:       c.ID,
		Customer:      c.Customer,
		Currency:      c.Currency,
		PaymentMethod: c.PaymentMethod,
		Lines:         lines,
		Total:         total,
		Deadline:      c.Deadline,
		At:            c.At,
	}}, nil
}

func decideCancel(s State, c Cancel) ([]Event, error) {
	var f faults
	if c.Reason != "" {
		checkText(&f, "reason", c.Reason, MaxReason)
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	switch s.Status {
	case StatusCancelled:
		return nil, nil
	case StatusPlaced:
		return []Event{Cancelled{Reason: ReasonCustomer, Detail: c.Reason, At: c.At}}, nil
	default:
		return nil, fmt.Errorf("cancel order %s, which is %s: %w", s.OrderID, s.Status, ErrNotCancellable)
	}
}

func decideExpire(s State, c Expire) ([]Event, error) {
	if s.Status != StatusPlaced {
		return nil, nil
	}
	if c.At < s.Deadline {
		return nil, fmt.Errorf("expire order %s: %w", s.OrderID, ErrNotDue)
	}
	return []Event{Cancelled{Reason: ReasonExpired, At: c.At}}, nil
}

// rank orders the statuses of a good order. A cancelled one has none.
func rank(s Status) int {
	return slices.Index([]Status{StatusNone, StatusPlaced, StatusConfirmed, StatusCompleted, StatusReturned}, s)
}

// advance moves an order one step forward; an order that is there already, or
// further, stays.
func advance(s State, from, to Status, e Event) ([]Event, error) {
	switch {
	case s.Status == from:
		return []Event{e}, nil
	case rank(s.Status) >= rank(to):
		return nil, nil
	}
	return nil, fmt.Errorf("order %s from %s to %s: %w", s.OrderID, s.Status, to, ErrImpossible)
}

func cancelFrom(s State, from Status, e Cancelled) ([]Event, error) {
	switch s.Status {
	case from:
		return []Event{e}, nil
	case StatusCancelled:
		return nil, nil
	default:
		return nil, fmt.Errorf("cancel order %s (%s), which is %s: %w", s.OrderID, e.Reason, s.Status, ErrImpossible)
	}
}

func commandName(c Command) string { return fmt.Sprintf("%T", c) }
