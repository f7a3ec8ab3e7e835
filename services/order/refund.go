package order

import "math/bits"

// refundOf is what is owed back for a line of which returned units came back:
// the line's amount in proportion, rounded down, and exactly the amount when
// all are back. It is computed from the cumulative quantity, so the parts of
// several returns add up to the amount and never to more.
func refundOf(l Line) int64 {
	switch {
	case l.Returned <= 0 || l.Amount <= 0 || l.Quantity <= 0:
		return 0
	case l.Returned >= l.Quantity:
		return l.Amount
	}
	// The product of two 63-bit numbers needs 126; the quotient is below Amount.
	hi, lo := bits.Mul64(uint64(l.Amount), uint64(l.Returned))
	quotient, _ := bits.Div64(hi, lo, uint64(l.Quantity))
	return int64(quotient)
}

// refundDue is what is owed back for all lines, in minor units.
func refundDue(lines []Line) int64 {
	var due int64
	for _, l := range lines {
		due += refundOf(l)
	}
	return due
}

// allReturned reports whether the order counts as returned: every line with
// goods is back in full. A service line, postage say, may be returned as well
// and is not required; an order of services only is returned with all of them.
func allReturned(lines []Line) bool {
	goods, back, everything := false, true, true
	for _, l := range lines {
		full := l.Returned >= l.Quantity
		everything = everything && full
		if l.Kind == KindGoods {
			goods = true
			back = back && full
		}
	}
	if !goods {
		return everything
	}
	return back
}
