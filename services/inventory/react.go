package inventory

import "fmt"

// React says what the reservation does next, given all it has seen: a command
// for Decide, or nil when there is nothing to do. It runs after every
// observation, with the reservation's stream locked. Stamp sets the command's
// moment, WithAvailable what the stock items have.
//
// An observation at or behind the reservation's own state asks for nothing.
// One that cannot be true gives a Contradict, which Decide refuses.
func React(s State, o Observed) Command {
	if why := contradiction(s, o.Order); why != "" {
		return Contradict{Detail: why}
	}
	switch s.Status {
	case StatusNone:
		return reactNone(o.Order)
	case StatusReserved:
		return reactReserved(o.Order)
	case StatusCommitted:
		return reactCommitted(s, o.Order)
	case StatusRejected, StatusReleased, StatusRestocked:
		return nil
	}
	return nil
}

func reactNone(ord Order) Command {
	switch ord.Status {
	case OrderPlaced:
		lines := make([]Line, len(ord.Lines))
		for i, l := range ord.Lines {
			lines[i] = Line{Line: l.Line, SKU: l.SKU, Quantity: l.Quantity}
		}
		return Reserve{OrderID: ord.OrderID, Lines: lines}
	case OrderCancelled:
		return Release{OrderID: ord.OrderID, Reason: ReasonOrderCancelled}
	case OrderConfirmed, OrderCompleted, OrderReturned: // contradictions
	}
	return nil
}

func reactReserved(ord Order) Command {
	switch ord.Status {
	case OrderConfirmed:
		return Commit{}
	case OrderCancelled:
		return Release{Reason: ReasonOrderCancelled}
	case OrderPlaced, OrderCompleted, OrderReturned: // too early, contradictions
	}
	return nil
}

// reactCommitted: a cancellation after the commit can only follow a refused
// capture, and takes everything back.
func reactCommitted(s State, ord Order) Command {
	switch ord.Status {
	case OrderCancelled:
		return RestockAll{Reason: ReasonOrderCancelled}
	case OrderCompleted, OrderReturned:
		var back []ReturnedLine
		for _, l := range ord.Lines {
			if i := indexOf(s.Lines, l.Line); i >= 0 && l.Returned > s.Lines[i].Restocked {
				back = append(back, ReturnedLine{Line: l.Line, Returned: l.Returned})
			}
		}
		if len(back) > 0 {
			return Restock{Lines: back}
		}
	case OrderPlaced, OrderConfirmed: // behind
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
		possible = s.Status != StatusNone && s.Status != StatusRejected
	case OrderCompleted, OrderReturned:
		possible = s.Status == StatusCommitted || s.Status == StatusRestocked && s.Reason == ReasonReturned
	case OrderCancelled:
		// A partial return leaves the status and sets the reason: from then on
		// the order was COMPLETED, and never cancels.
		possible = s.Reason != ReasonReturned
	}
	if !possible {
		return fmt.Sprintf("order version %d is %s", ord.Version, ord.Status)
	}
	if ord.Status == OrderCompleted || ord.Status == OrderReturned {
		return impossibleReturn(s, ord)
	}
	return ""
}

// impossibleReturn names goods that came back and had never left.
func impossibleReturn(s State, ord Order) string {
	for _, l := range ord.Lines {
		i := indexOf(s.Lines, l.Line)
		if l.Returned > 0 && i < 0 {
			return fmt.Sprintf("order version %d returned line %d, which was never reserved", ord.Version, l.Line)
		}
		if i >= 0 && l.Returned > s.Lines[i].Quantity {
			return fmt.Sprintf("order version %d returned %d of %d of line %d",
				ord.Version, l.Returned, s.Lines[i].Quantity, l.Line)
		}
	}
	return ""
}
