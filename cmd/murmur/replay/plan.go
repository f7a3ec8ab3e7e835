package replay

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Plan is what a replay is going to do: a pure function of files and
// assumptions.
type Plan struct {
	Files       []File
	Assumptions Assumptions
	// Items are the stock movements by SKU: what is there at first, found and
	// written off, in this order.
	Items []*Item
	// Orders are in the order of the files.
	Orders []*Order

	invoices []*invoice
	lines    int
}

// invoice is the lines of one number in one file.
type invoice struct {
	id    string
	lines []*entry
}

// entry is one line and what becomes of it.
type entry struct {
	Line
	fate fate
	// wanted are the units that a line of a cancellation gives back, and back how
	// many of them were taken, for a refund in pence. Some of the rest had been
	// unsold: their order was cancelled.
	wanted, back, refund int64
	unsold               bool
}

// Order is an invoice as it is placed.
type Order struct {
	ID string
	// Returns are made one after the other, once the order is completed.
	Returns []*Return

	body  placement
	lines []*entry // by line number of the order, from 0
	view  view     // as last seen of the platform
	// refused says why the platform did not take it, or is empty.
	refused string
}

// placement is the body of a request to place an order.
type placement struct {
	OrderID       string      `json:"order_id"`
	Customer      string      `json:"customer,omitempty"`
	Currency      string      `json:"currency"`
	PaymentMethod string      `json:"payment_method"`
	Lines         []placeLine `json:"lines"`
}

type placeLine struct {
	SKU         string `json:"sku"`
	Description string `json:"description,omitempty"`
	Quantity    int64  `json:"quantity"`
	Amount      int64  `json:"amount"`
	Kind        string `json:"kind"`
}

// The kinds of a line of an order.
const (
	goods   = "GOODS"
	service = "SERVICE"
)

// currency is that of the data set.
const currency = "GBP"

// Item is the movements of one SKU.
type Item struct {
	SKU       string
	Movements []Movement
}

// Movement is a receipt or a write-off.
type Movement struct {
	ID       string
	Kind     movementKind
	Quantity int64
	Reason   string
	line     *entry // nil for opening stock
}

type movementKind int

const (
	opening movementKind = iota
	found
	writeOff
)

// NewPlan works out what to do with files, which may come in any order. Errors:
// wrong assumptions, a file given twice, a file without lines.
func NewPlan(files []File, a Assumptions) (*Plan, error) {
	if err := a.Validate(); err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(files, func(f File) bool { return len(f.Lines) == 0 }); i >= 0 || len(files) == 0 {
		return nil, errors.New("there are no lines to replay")
	}
	p := &Plan{Files: slices.Clone(files), Assumptions: a}
	slices.SortStableFunc(p.Files, func(a, b File) int { return a.Lines[0].At.Compare(b.Lines[0].At) })
	digests := make(map[string]string)
	for _, f := range p.Files {
		if other, ok := digests[f.Digest]; ok {
			return nil, fmt.Errorf("%s and %s have the same content", other, f.Name)
		}
		digests[f.Digest] = f.Name
		p.lines += len(f.Lines)
	}
	p.group()
	s := newShelf(p)
	m := newMatcher()
	for _, inv := range p.invoices {
		if strings.HasPrefix(inv.id, cancellationPrefix) {
			m.cancel(inv)
			continue
		}
		order := p.classify(inv, s)
		if order != nil {
			p.Orders = append(p.Orders, order)
			m.buy(order)
		}
	}
	p.Items = s.items()
	return p, nil
}

// group makes invoices of lines: by number, per file, wherever the lines stand,
// since a few invoices are not contiguous and carry two timestamps.
func (p *Plan) group() {
	seen := make(map[string]int) // invoice to file
	for i, f := range p.Files {
		here := make(map[string]*invoice)
		for _, l := range f.Lines {
			l.File = i
			e := &entry{Line: l}
			inv := here[l.Invoice]
			if inv == nil {
				inv = &invoice{id: l.Invoice}
				here[l.Invoice] = inv
				p.invoices = append(p.invoices, inv)
			}
			inv.lines = append(inv.lines, e)
			if before, ok := seen[l.Invoice]; ok && before != i {
				e.fate = fate{outcome: Repeated, amount: l.Amount(), detail: p.Files[before].Name}
				continue
			}
			seen[l.Invoice] = i
		}
	}
}

const (
	cancellationPrefix = "C"
	adjustmentPrefix   = "A"
)

// classify sorts the lines of an invoice that is no cancellation into an order,
// if there is one, and stock movements.
func (p *Plan) classify(inv *invoice, s *shelf) *Order {
	free := !slices.ContainsFunc(inv.lines, func(e *entry) bool { return e.Price != 0 || e.Customer != "" })
	order := &Order{ID: inv.id}
	for _, e := range inv.lines {
		if e.fate.outcome != Pending {
			continue
		}
		e.fate.amount = e.Amount()
		switch {
		case e.Price < 0 || strings.HasPrefix(inv.id, adjustmentPrefix):
			e.fate.outcome = Adjustment
		case e.Quantity == 0:
			e.fate.outcome, e.fate.detail = Refused, "quantity 0"
		case e.Quantity < 0 && e.Price > 0:
			e.fate.outcome, e.fate.detail = Refused, "negative quantity with a price, and no cancellation"
		case (e.Quantity < 0 || free) && Service(e.SKU):
			e.fate.outcome = NotGoods
		case e.Quantity < 0:
			s.writeOff(e)
		case free:
			s.found(e)
		default:
			order.lines = append(order.lines, e)
		}
	}
	if len(order.lines) == 0 {
		return nil
	}
	order.body = placement{OrderID: inv.id, Customer: order.lines[0].Customer, Currency: currency, PaymentMethod: p.Assumptions.card(inv.id)}
	for _, e := range order.lines {
		l := placeLine{SKU: e.SKU, Description: e.Description, Quantity: e.Quantity, Amount: e.Amount(), Kind: goods}
		if Service(e.SKU) {
			l.Kind = service
		} else {
			s.ordered(e)
		}
		order.body.Lines = append(order.body.Lines, l)
	}
	return order
}
