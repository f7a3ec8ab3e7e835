package inventory

import (
	"cmp"
	"slices"
)

// StockEffect is what one event of a reservation does to one stock item.
type StockEffect struct {
	SKU     string
	Command StockCommand
}

// StockEffects says what a reservation's events do to stock: per event one
// command for each SKU, lines of the same SKU summed, all sorted by SKU. before
// is the reservation before the events. Everything it names is in SKUs of the
// command that was decided.
func StockEffects(before State, events []Event) []StockEffect {
	var effects []StockEffect
	s := before
	for _, e := range events {
		effects = append(effects, effectsOf(s, e)...)
		s = Evolve(s, e)
	}
	slices.SortStableFunc(effects, func(a, b StockEffect) int { return cmp.Compare(a.SKU, b.SKU) })
	return effects
}

func effectsOf(s State, e Event) []StockEffect {
	switch e := e.(type) {
	case Reserved:
		return effects(sumBySKU(e.Lines), func(q quantityOf) StockCommand {
			return Hold{OrderID: e.OrderID, SKU: q.SKU, Quantity: q.Quantity, At: e.At}
		})
	case Committed:
		return effects(sumBySKU(s.Lines), func(q quantityOf) StockCommand {
			return Take{OrderID: s.OrderID, SKU: q.SKU, Quantity: q.Quantity, At: e.At}
		})
	case Released:
		if s.Status != StatusReserved {
			return nil // a floor or a rejection: nothing was held
		}
		return effects(sumBySKU(s.Lines), func(q quantityOf) StockCommand {
			return Unhold{OrderID: s.OrderID, SKU: q.SKU, Quantity: q.Quantity, At: e.At}
		})
	case Restocked:
		steps := make([]quantityOf, len(e.Lines))
		for i, l := range e.Lines {
			steps[i] = quantityOf{SKU: l.SKU, Quantity: l.To - l.From}
		}
		return effects(summed(steps), func(q quantityOf) StockCommand {
			return PutBack{OrderID: s.OrderID, SKU: q.SKU, Quantity: q.Quantity, At: e.At}
		})
	case Rejected:
		return nil
	}
	return nil
}

func effects(quantities []quantityOf, command func(quantityOf) StockCommand) []StockEffect {
	out := make([]StockEffect, len(quantities))
	for i, q := range quantities {
		out[i] = StockEffect{SKU: q.SKU, Command: command(q)}
	}
	return out
}

// SKUs names every stock item that a command could touch, sorted and without
// repetition: lock these, and for Reserve read what they have available,
// before deciding. It is empty for a command that touches none.
func SKUs(s State, c Command) []string {
	var lines []Line
	switch c := c.(type) {
	case Reserve:
		if s.Status == StatusNone {
			lines = c.Lines
		}
	case Commit, Release:
		if s.Status == StatusReserved {
			lines = s.Lines
		}
	case RestockAll:
		lines = s.Lines
	case Restock:
		for _, r := range c.Lines {
			if i := indexOf(s.Lines, r.Line); i >= 0 {
				lines = append(lines, s.Lines[i])
			}
		}
	case Contradict:
	}
	skus := make([]string, len(lines))
	for i, l := range lines {
		skus[i] = l.SKU
	}
	slices.Sort(skus)
	return slices.Compact(skus)
}
