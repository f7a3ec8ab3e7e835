package replay

import (
	"cmp"
	"slices"
)

// Return gives back some lines of one order. Its id is the number of the
// cancellation: one cancellation can return lines of several orders.
type Return struct {
	ID    string
	lines []returnLine
	parts []part
	// refused says why the platform did not take it, or is empty.
	refused string
	done    bool
}

// returnLine is how much of a line of the order comes back; line counts from 1.
type returnLine struct {
	Line     int32 `json:"line"`
	Quantity int64 `json:"quantity"`
}

// part is what one line of a cancellation gives back of one line of an order.
type part struct {
	from     *entry
	quantity int64
	refund   int64
}

// matcher finds the purchase that a cancellation gives back. Invoices are told to
// it in the order of the files: only what came before can be returned.
type matcher struct {
	bought map[purchaseKey][]*purchase
}

type purchaseKey struct{ customer, sku string }

// purchase is a line of an order, and how much of it has not come back.
type purchase struct {
	order *Order
	index int // of the line, from 0
	left  int64
}

func newMatcher() *matcher { return &matcher{bought: make(map[purchaseKey][]*purchase)} }

// buy remembers the goods of an order.
func (m *matcher) buy(o *Order) {
	for i, e := range o.lines {
		if e.Customer == "" || Service(e.SKU) {
			continue
		}
		key := purchaseKey{e.Customer, e.SKU}
		m.bought[key] = append(m.bought[key], &purchase{order: o, index: i, left: e.Quantity})
	}
}

// cancel matches the lines of a cancellation, and adds what they give back to the
// orders.
func (m *matcher) cancel(inv *invoice) {
	for _, e := range inv.lines {
		if e.fate.outcome != Pending {
			continue
		}
		e.fate.amount = e.Amount()
		switch {
		case e.Price < 0:
			e.fate.outcome = Adjustment
		case e.Quantity >= 0:
			e.fate.outcome, e.fate.detail = Refused, "a cancellation of nothing"
		case Service(e.SKU):
			e.fate.outcome = ReturnNotGoods
		case e.Customer == "":
			e.fate.outcome = ReturnByGuest
		default:
			m.match(inv, e)
		}
	}
}

// match gives a line back to the purchases of its customer: those at the same
// price first, and of these the latest.
func (m *matcher) match(inv *invoice, e *entry) {
	candidates := slices.Clone(m.bought[purchaseKey{e.Customer, e.SKU}])
	slices.Reverse(candidates)
	other := func(p *purchase) int {
		if p.order.lines[p.index].Price == e.Price {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(candidates, func(a, b *purchase) int { return cmp.Compare(other(a), other(b)) })
	e.wanted = -e.Quantity
	need := e.wanted
	for _, p := range candidates {
		if n := min(need, p.left); n > 0 {
			p.order.giveBack(inv.id, e, p, n)
			p.left -= n
			need -= n
		}
	}
	if need == e.wanted {
		e.fate.outcome = ReturnOfNothing
	}
}

// giveBack adds n units of a purchase to the return of a cancellation.
func (o *Order) giveBack(cancellation string, e *entry, p *purchase, n int64) {
	var r *Return
	if last := len(o.Returns) - 1; last >= 0 && o.Returns[last].ID == cancellation {
		r = o.Returns[last]
	} else {
		r = &Return{ID: cancellation}
		o.Returns = append(o.Returns, r)
	}
	number := int32(p.index + 1)
	if i := slices.IndexFunc(r.lines, func(l returnLine) bool { return l.Line == number }); i >= 0 {
		r.lines[i].Quantity += n // a return names a line once
	} else {
		r.lines = append(r.lines, returnLine{number, n})
	}
	sold := o.body.Lines[p.index]
	before := sold.Quantity - p.left
	r.parts = append(r.parts, part{from: e, quantity: n, refund: refund(sold, before+n) - refund(sold, before)})
}

// refund is what is owed for a line of which so many units came back: computed
// from the total that came back, as the platform does, so that rounding never
// adds up to more than was paid.
func refund(l placeLine, returned int64) int64 {
	return mulDiv(l.Amount, returned, l.Quantity)
}
