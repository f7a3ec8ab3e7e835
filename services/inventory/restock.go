package inventory

import (
	"fmt"
	"slices"
)

// decideRestockAll puts back everything that is not back yet: the order was
// cancelled after its goods had left the shelf.
func decideRestockAll(s State, c RestockAll) ([]Event, error) {
	switch s.Status {
	case StatusCommitted:
		back := make([]ReturnedLine, len(s.Lines))
		for i, l := range s.Lines {
			back[i] = ReturnedLine{Line: l.Line, Returned: l.Quantity}
		}
		lines, err := restockedLines(s, back)
		if err != nil {
			return nil, err
		}
		return []Event{Restocked{Lines: lines, Reason: c.Reason, Complete: true, At: c.At}}, nil
	case StatusRestocked:
		return nil, nil
	case StatusNone:
		return nil, fmt.Errorf("restock: %w", ErrUnknown)
	case StatusReserved, StatusRejected, StatusReleased:
		return nil, impossible(s, "restock what was not committed")
	}
	return nil, impossible(s, "restock")
}

// decideRestock puts back the difference between what was returned and what
// is back already, line by line.
func decideRestock(s State, c Restock) ([]Event, error) {
	switch s.Status {
	case StatusCommitted, StatusRestocked:
	case StatusNone:
		return nil, fmt.Errorf("restock: %w", ErrUnknown)
	case StatusReserved, StatusRejected, StatusReleased:
		return nil, impossible(s, "restock what was not committed")
	}
	lines, err := restockedLines(s, c.Lines)
	if err != nil || len(lines) == 0 {
		return nil, err
	}
	e := Restocked{Lines: lines, Reason: ReasonReturned, At: c.At}
	e.Complete = allBack(withRestocked(s, e).Lines)
	return []Event{e}, nil
}

// restockedLines turns cumulative quantities into steps. A quantity at or
// below what is back already is behind and leaves no step.
func restockedLines(s State, back []ReturnedLine) ([]RestockedLine, error) {
	var steps []RestockedLine
	for _, r := range back {
		i := indexOf(s.Lines, r.Line)
		if i < 0 {
			return nil, impossible(s, fmt.Sprintf("line %d came back and was never reserved", r.Line))
		}
		l := s.Lines[i]
		if r.Returned > l.Quantity {
			return nil, impossible(s, fmt.Sprintf("%d of %d of line %d came back", r.Returned, l.Quantity, r.Line))
		}
		named := slices.ContainsFunc(steps, func(step RestockedLine) bool { return step.Line == r.Line })
		if named {
			return nil, impossible(s, fmt.Sprintf("line %d came back twice", r.Line))
		}
		if r.Returned > l.Restocked {
			steps = append(steps, RestockedLine{Line: l.Line, SKU: l.SKU, From: l.Restocked, To: r.Returned})
		}
	}
	return steps, nil
}

// allBack reports whether every line is back in full. It is asked after a line
// came back: a reservation without lines (an order of services) stays COMMITTED.
func allBack(lines []Line) bool {
	for _, l := range lines {
		if l.Restocked < l.Quantity {
			return false
		}
	}
	return true
}
