package inventory

import "slices"

// Evolve applies one event. It is total: it never fails, whatever the state,
// because what has happened is not up for discussion.
func Evolve(s State, e Event) State {
	switch e := e.(type) {
	case Reserved:
		s.OrderID, s.Status, s.Lines = e.OrderID, StatusReserved, slices.Clone(e.Lines)
		return touched(s, e, e.At)
	case Rejected:
		s.OrderID, s.Status, s.Lines = e.OrderID, StatusRejected, slices.Clone(e.Lines)
		s.Shortages, s.Reason = slices.Clone(e.Shortages), e.Reason
		return touched(s, e, e.At)
	case Committed:
		s.Status = StatusCommitted
		return touched(s, e, e.At)
	case Released:
		s.OrderID, s.Status, s.Reason = e.OrderID, StatusReleased, e.Reason
		return touched(s, e, e.At)
	case Restocked:
		return touched(withRestocked(s, e), e, e.At)
	}
	return s
}

func touched(s State, e Event, at int64) State {
	s.UpdatedAt, s.LastEvent = at, e.EventType()
	return s
}

func withRestocked(s State, e Restocked) State {
	s.Lines = slices.Clone(s.Lines)
	for _, r := range e.Lines {
		if i := indexOf(s.Lines, r.Line); i >= 0 {
			s.Lines[i].Restocked = max(s.Lines[i].Restocked, r.To)
		}
	}
	if e.Complete {
		s.Status = StatusRestocked
	}
	s.Reason = e.Reason
	return s
}

// indexOf finds an order's line number; numbers have gaps where the order has
// services.
func indexOf(lines []Line, number int32) int {
	return slices.IndexFunc(lines, func(l Line) bool { return l.Line == number })
}
