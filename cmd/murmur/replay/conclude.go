package replay

// conclude gives each line the fate that its order or its returns came to.
func (p *Plan) conclude() {
	for _, o := range p.Orders {
		outcome := o.outcome()
		for _, e := range o.lines {
			e.fate.outcome, e.fate.detail = outcome, o.refused
		}
		if outcome == CancelledElse {
			for _, e := range o.lines {
				e.fate.detail = o.view.Reason
			}
		}
		for _, r := range o.Returns {
			r.conclude(outcome)
		}
	}
	for _, inv := range p.invoices {
		for _, e := range inv.lines {
			e.conclude()
		}
	}
}

// reasons are the platform's words for why an order was cancelled.
var reasons = map[string]Outcome{
	"OUT_OF_STOCK":    OutOfStock,
	"DECLINED":        Declined,
	"CAPTURE_REFUSED": CaptureRefused,
	"EXPIRED":         Expired,
}

// outcome is how an order ended. It is Pending for one that did not.
func (o *Order) outcome() Outcome {
	switch {
	case o.refused != "":
		return Refused
	case o.view.Status == statusCompleted || o.view.Status == statusReturned:
		return Completed
	case o.view.Status != statusCancelled:
		return Pending
	}
	if known, ok := reasons[o.view.Reason]; ok {
		return known
	}
	return CancelledElse
}

// Example is the first order of a plan that was run to end in a way, or empty.
func (p *Plan) Example(end Outcome) string {
	for _, o := range p.Orders {
		if o.outcome() == end {
			return o.ID
		}
	}
	return ""
}

// conclude tells the lines of a cancellation what came of this return.
func (r *Return) conclude(order Outcome) {
	for _, part := range r.parts {
		e := part.from
		switch {
		case r.done:
			e.back += part.quantity
			e.refund += part.refund
		case order != Completed:
			e.unsold = true
		default:
			e.fate.detail = r.refused
		}
	}
}

// conclude judges a line of a cancellation by all that its returns came to.
func (e *entry) conclude() {
	if e.wanted == 0 || e.fate.outcome != Pending {
		return
	}
	switch {
	case e.back == e.wanted:
		e.fate.outcome = GivenBack
	case e.back > 0:
		e.fate.outcome = GivenBackPart
	case e.unsold:
		e.fate.outcome = ReturnOfUnsold
	default:
		e.fate.outcome = ReturnRefused
	}
	if e.back > 0 {
		e.fate.amount = -e.refund // in place of what was claimed
	}
}

// outcome of an invoice is the first of its lines' in the order of Outcomes.
func (inv *invoice) outcome() Outcome {
	for _, o := range Outcomes {
		for _, e := range inv.lines {
			if e.fate.outcome == o.Outcome {
				return o.Outcome
			}
		}
	}
	return Pending
}
