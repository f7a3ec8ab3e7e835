package order

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
)

// decideReturn takes goods back. The events carry cumulative quantities and
// the cumulative refund: what follows elsewhere is a difference between two
// numbers that only grow.
func decideReturn(s State, c Return) ([]Event, error) {
	if err := c.validate(s); err != nil {
		return nil, err
	}
	asked := slices.SortedFunc(slices.Values(c.Lines), func(a, b ReturnLine) int { return cmp.Compare(a.Line, b.Line) })
	digest := digestOf(asked)
	for _, seen := range s.Returns {
		if seen.ID == c.ID {
			if seen.Digest != digest {
				return nil, fmt.Errorf("return %s of order %s: %w", c.ID, s.OrderID, ErrReturnConflict)
			}
			return nil, nil
		}
	}
	if s.Status != StatusCompleted && s.Status != StatusReturned {
		return nil, fmt.Errorf("return to order %s, which is %s: %w", s.OrderID, s.Status, ErrNotReturnable)
	}
	if len(s.Returns) >= MaxReturns {
		return nil, fmt.Errorf("return to order %s after %d returns: %w", s.OrderID, len(s.Returns), ErrNotReturnable)
	}
	lines := slices.Clone(s.Lines)
	returned := make([]ReturnedLine, 0, len(asked))
	for _, r := range asked {
		l := &lines[r.Line-1]
		if left := l.Quantity - l.Returned; r.Quantity > left {
			return nil, fmt.Errorf("return %d of line %d of order %s, of which %d are left: %w",
				r.Quantity, r.Line, s.OrderID, left, ErrNotReturnable)
		}
		l.Returned += r.Quantity
		returned = append(returned, ReturnedLine{Line: r.Line, Quantity: r.Quantity, Returned: l.Returned})
	}
	return []Event{Returned{
		ReturnID:  c.ID,
		Digest:    digest,
		Lines:     returned,
		Reason:    c.Reason,
		RefundDue: refundDue(lines),
		Complete:  allReturned(lines),
		At:        c.At,
	}}, nil
}

func (c Return) validate(s State) error {
	var f faults
	checkID(&f, "id", c.ID)
	if c.Reason != "" {
		checkText(&f, "reason", c.Reason, MaxReason)
	}
	if len(c.Lines) == 0 {
		f.addf("lines", "a return names at least one line")
	}
	named := make([]bool, len(s.Lines)+1)
	for i, r := range c.Lines {
		path := fmt.Sprintf("lines[%d].", i)
		switch {
		case r.Line < 1 || int(r.Line) > len(s.Lines):
			f.addf(path+"line", "the order has no line %d", r.Line)
		case named[r.Line]:
			f.addf(path+"line", "line %d is named twice", r.Line)
		default:
			named[r.Line] = true
		}
		if r.Quantity < 1 || r.Quantity > MaxQuantity {
			f.addf(path+"quantity", "is %d, must be 1 to %d", r.Quantity, MaxQuantity)
		}
	}
	return f.err()
}

// digestOf tells two returns under one id apart; the lines are sorted.
func digestOf(lines []ReturnLine) string {
	h := fnv.New64a()
	for _, l := range lines {
		fmt.Fprintf(h, "%d:%d;", l.Line, l.Quantity)
	}
	return fmt.Sprintf("%016x", h.Sum64())
}
