package order

import "slices"

// Evolve applies one event. It is total: it never fails, whatever the state,
// because what has happened is not up for discussion.
func Evolve(s State, e Event) State {
	switch e := e.(type) {
	case Placed:
		return State{
			OrderID:       e.OrderID,
			Status:        StatusPlaced,
			Customer:      e.Customer,
			Currency:      e.Currency,
			PaymentMethod: e.PaymentMethod,
			Lines:         slices.Clone(e.Lines),
			Total:         e.Total,
			Deadline:      e.Deadline,
			PlacedAt:      e.At,
			UpdatedAt:     e.At,
			LastEvent:     e.EventType(),
		}
	case Confirmed:
		s.Status, s.ConfirmedAt = StatusConfirmed, e.At
		return touched(s, e, e.At)
	case Completed:
		s.Status = StatusCompleted
		return touched(s, e, e.At)
	case Cancelled:
		s.Status, s.CancelReason, s.CancelDetail = StatusCancelled, e.Reason, e.Detail
		return touched(s, e, e.At)
	case Returned:
		return touched(withReturn(s, e), e, e.At)
	}
	return s
}

func touched(s State, e Event, at int64) State {
	s.UpdatedAt, s.LastEvent = at, e.EventType()
	return s
}

func withReturn(s State, e Returned) State {
	s.Lines = slices.Clone(s.Lines)
	for _, r := range e.Lines {
		if i := int(r.Line) - 1; i >= 0 && i < len(s.Lines) {
			s.Lines[i].Returned = max(s.Lines[i].Returned, r.Returned)
		}
	}
	s.Returns = append(slices.Clip(s.Returns), ReturnSeen{ID: e.ReturnID, Digest: e.Digest})
	s.RefundDue = max(s.RefundDue, e.RefundDue)
	if e.Complete {
		s.Status = StatusReturned
	}
	return s
}
