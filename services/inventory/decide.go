package inventory

import (
	"cmp"
	"fmt"
	"slices"
)

// The bounds of a reservation, those of an order.
const (
	MaxLines    = 1_000
	MaxQuantity = 1_000_000 // units on one line
)

// Decide says what happens when the command meets the state: events to store,
// or the reason for a refusal. No events and no error means that what the
// command wants is already so. It never changes s.
func Decide(s State, c Command) ([]Event, error) {
	switch c := c.(type) {
	case Reserve:
		return decideReserve(s, c)
	case Release:
		return decideRelease(s, c)
	case Commit:
		return decideCommit(s, c)
	case RestockAll:
		return decideRestockAll(s, c)
	case Restock:
		return decideRestock(s, c)
	case Contradict:
		return nil, impossible(s, c.Detail)
	}
	return nil, fmt.Errorf("reservation of order %s: no such command %T", s.OrderID, c)
}

// decideReserve holds everything or nothing. Lines of the same SKU are summed
// before they are compared with what is available.
func decideReserve(s State, c Reserve) ([]Event, error) {
	if s.Status != StatusNone {
		return nil, nil
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	stock := make(map[string]int64, len(c.Available))
	for _, a := range c.Available {
		stock[a.SKU] = a.Available
	}
	var shortages []Shortage
	for _, want := range sumBySKU(c.Lines) {
		if available := stock[want.SKU]; want.Quantity > available {
			shortages = append(shortages, Shortage{SKU: want.SKU, Wanted: want.Quantity, Available: available})
		}
	}
	if len(shortages) > 0 {
		return []Event{Rejected{
			OrderID: c.OrderID, Lines: slices.Clone(c.Lines), Shortages: shortages, Reason: ReasonOutOfStock, At: c.At,
		}}, nil
	}
	return []Event{Reserved{OrderID: c.OrderID, Lines: slices.Clone(c.Lines), At: c.At}}, nil
}

func (c Reserve) validate() error {
	var f faults
	if c.OrderID == "" {
		f.addf("order_id", "is required")
	}
	if len(c.Lines) > MaxLines {
		f.addf("lines", "%d lines, at most %d are possible", len(c.Lines), MaxLines)
		return f.err()
	}
	named := make(map[int32]bool, len(c.Lines))
	for i, l := range c.Lines {
		path := fmt.Sprintf("lines[%d]", i)
		if l.SKU == "" || l.Quantity < 1 || l.Quantity > MaxQuantity || l.Restocked != 0 {
			f.addf(path, "%d of %q cannot be reserved", l.Quantity, l.SKU)
		}
		if named[l.Line] {
			f.addf(path, "line %d is named twice", l.Line)
		}
		named[l.Line] = true
	}
	return f.err()
}

func decideCommit(s State, c Commit) ([]Event, error) {
	switch s.Status {
	case StatusReserved:
		return []Event{Committed{At: c.At}}, nil
	case StatusCommitted, StatusRestocked:
		return nil, nil
	case StatusNone:
		return nil, fmt.Errorf("commit: %w", ErrUnknown)
	case StatusRejected, StatusReleased:
		return nil, impossible(s, "commit what is not held")
	}
	return nil, impossible(s, "commit")
}

func decideRelease(s State, c Release) ([]Event, error) {
	switch s.Status {
	case StatusNone:
		if c.OrderID == "" {
			return nil, &InvalidError{Fields: []*FieldError{{Field: "order_id", Message: "is required"}}}
		}
		return []Event{Released{OrderID: c.OrderID, Reason: c.Reason, At: c.At}}, nil
	case StatusReserved:
		return []Event{Released{OrderID: s.OrderID, Reason: c.Reason, At: c.At}}, nil
	case StatusRejected, StatusReleased:
		return nil, nil
	case StatusCommitted, StatusRestocked:
		return nil, impossible(s, "release what has left the shelf")
	}
	return nil, impossible(s, "release")
}

func impossible(s State, what string) error {
	return fmt.Errorf("reservation of order %s is %s: %s: %w",
		s.OrderID, cmp.Or(s.Status, "not there"), what, ErrImpossible)
}

// quantityOf is a number of units of one SKU.
type quantityOf struct {
	SKU      string
	Quantity int64
}

// sumBySKU adds up lines of the same SKU, sorted by SKU.
func sumBySKU(lines []Line) []quantityOf {
	quantities := make([]quantityOf, len(lines))
	for i, l := range lines {
		quantities[i] = quantityOf{SKU: l.SKU, Quantity: l.Quantity}
	}
	return summed(quantities)
}

func summed(quantities []quantityOf) []quantityOf {
	slices.SortStableFunc(quantities, func(a, b quantityOf) int { return cmp.Compare(a.SKU, b.SKU) })
	sums := quantities[:0]
	for _, q := range quantities {
		if last := len(sums) - 1; last >= 0 && sums[last].SKU == q.SKU {
			sums[last].Quantity += q.Quantity
			continue
		}
		sums = append(sums, q)
	}
	return sums
}
