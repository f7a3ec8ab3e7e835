package inventory

import "slices"

// EvolveStock applies one event. It is total: it never fails, whatever the
// state, because what has happened is not up for discussion.
func EvolveStock(s StockState, e StockEvent) StockState {
	switch e := e.(type) {
	case StockReceived:
		s.OnHand += e.Quantity
		s.Received += e.Quantity
		s.Movements = remember(s.Movements, Movement{ID: e.ID, Quantity: e.Quantity})
		return touchedStock(s, e, e.SKU, e.At)
	case StockWrittenOff:
		s.OnHand -= e.Quantity
		s.WrittenOff += e.Quantity
		s.Movements = remember(s.Movements, Movement{ID: e.ID, Quantity: -e.Quantity})
		return touchedStock(s, e, e.SKU, e.At)
	case StockHeld:
		s.Reserved += e.Quantity
		return touchedStock(s, e, e.SKU, e.At)
	case StockUnheld:
		s.Reserved -= e.Quantity
		return touchedStock(s, e, e.SKU, e.At)
	case StockTaken:
		s.OnHand -= e.Quantity
		s.Reserved -= e.Quantity
		s.Committed += e.Quantity
		return touchedStock(s, e, e.SKU, e.At)
	case StockPutBack:
		s.OnHand += e.Quantity
		s.Restocked += e.Quantity
		return touchedStock(s, e, e.SKU, e.At)
	}
	return s
}

func touchedStock(s StockState, e StockEvent, sku string, at int64) StockState {
	s.SKU, s.UpdatedAt, s.LastEvent = sku, at, e.EventType()
	return s
}

// remember keeps the latest movements. It copies, because states are values.
func remember(movements []Movement, m Movement) []Movement {
	if over := len(movements) + 1 - RememberedMovements; over > 0 {
		movements = movements[over:]
	}
	return append(slices.Clip(movements), m)
}
