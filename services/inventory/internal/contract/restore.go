package contract

import (
	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/inventory"
)

// RestoreReservation is the reservation that a record tells of, in full.
func RestoreReservation(_ inventory.State, said schemas.Reservation) inventory.State {
	s := inventory.State{
		OrderID: said.OrderID, Status: inventory.Status(said.Status), Reason: said.Reason,
		UpdatedAt: said.UpdatedAt.UnixMicro(), LastEvent: said.Event,
	}
	for _, l := range said.Lines {
		s.Lines = append(s.Lines, inventory.Line{Line: int32(l.Line), SKU: l.SKU, Quantity: l.Quantity, Restocked: l.Restocked})
	}
	for _, short := range said.Shortages {
		s.Shortages = append(s.Shortages, inventory.Shortage(short))
	}
	return s
}

// RestoreStock is the stock item that a record tells of. Records do not tell the
// ids of receipts and write-offs: those that known, an older state, remembers stay
// remembered, so that their repetition is noticed; of later ones it is not.
func RestoreStock(known inventory.StockState, said schemas.Stock) inventory.StockState {
	return inventory.StockState{
		SKU: said.SKU, OnHand: said.OnHand, Reserved: said.Reserved, Received: said.Received, Committed: said.Committed,
		Restocked: said.Restocked, WrittenOff: said.WrittenOff, Movements: known.Movements,
		UpdatedAt: said.UpdatedAt.UnixMicro(), LastEvent: said.Event,
	}
}
