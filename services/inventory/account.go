package inventory

// Moved is what reservations have done to one stock item, in units.
type Moved struct {
	Reserved, Committed, Restocked int64
}

// Plus adds up.
func (m Moved) Plus(o Moved) Moved {
	return Moved{Reserved: m.Reserved + o.Reserved, Committed: m.Committed + o.Committed, Restocked: m.Restocked + o.Restocked}
}

// Moved is what this reservation has done to stock, by SKU.
func (s State) Moved() map[string]Moved {
	moved := make(map[string]Moved, len(s.Lines))
	for _, l := range s.Lines {
		var m Moved
		switch s.Status {
		case StatusReserved:
			m.Reserved = l.Quantity
		case StatusCommitted, StatusRestocked:
			m.Committed, m.Restocked = l.Quantity, l.Restocked
		case StatusNone, StatusRejected, StatusReleased:
		}
		moved[l.SKU] = moved[l.SKU].Plus(m)
	}
	return moved
}

// Account is the stock item as it must be for its reservations to have moved so
// much, at a moment. Receipts and write-offs are its own. Where more is promised
// or gone than was received, as much more must have been received: nothing is ever
// promised that is not there.
func Account(s StockState, m Moved, at int64) StockState {
	s.Reserved, s.Committed, s.Restocked = m.Reserved, m.Committed, m.Restocked
	s.OnHand = s.Received + s.Restocked - s.Committed - s.WrittenOff
	if missing := s.Reserved - s.OnHand; missing > 0 {
		s.Received += missing
		s.OnHand += missing
	}
	s.UpdatedAt, s.LastEvent = at, "Accounted"
	return s
}

// Same tells whether two states count the same.
func (s StockState) Same(o StockState) bool {
	return s.OnHand == o.OnHand && s.Reserved == o.Reserved && s.Received == o.Received && s.Committed == o.Committed &&
		s.Restocked == o.Restocked && s.WrittenOff == o.WrittenOff
}
