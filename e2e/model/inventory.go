package model

import (
	"fmt"

	"github.com/murmuration-dev/murmuration/pkg/decider"
	"github.com/murmuration-dev/murmuration/services/inventory"
)

// reservationDB is what the inventory service stores of one reservation.
type reservationDB struct {
	State   inventory.State
	Seen    inventory.Observed
	Version int64
}

// stockDB is the one stock item.
type stockDB struct {
	State   inventory.StockState
	Version int64
}

// firstStock is the stock item after its first receipt.
func (w *World) firstStock() id {
	if w.cfg.Stock == 0 {
		return w.putStock(stockDB{State: inventory.StockState{SKU: sku}})
	}
	out := w.stockCommand(w.putStock(stockDB{}), inventory.Receive{ID: "r-1", SKU: sku, Quantity: w.cfg.Stock, At: placedAt})
	if out.breaks != "" {
		panic("model: " + out.breaks)
	}
	return out.stock
}

// stockCommand is a request of the warehouse. A refusal changes nothing.
func (w *World) stockCommand(stock id, c inventory.StockCommand) outcome {
	db := w.stockItem(stock)
	events, err := w.fn.StockDecide(db.State, c)
	if err != nil {
		return outcome{stock: stock}
	}
	for _, e := range events {
		db.State = w.fn.StockEvolve(db.State, e)
		db.Version++
	}
	return outcome{stock: w.putStock(db)}
}

// inventoryReads observes a record of an order, lets its reservation react and
// moves the stock behind it, in one commit. available is the stock item that
// Reserve is decided on: with the item locked it is stock itself.
func (w *World) inventoryReads(db, stock, available, read id) outcome {
	before := w.reservation(db)
	after := before
	var news bool
	if after.Seen, news = w.fn.InventorySee(before.Seen, w.record(read).ToInventory); !news {
		return outcome{db: db, stock: stock}
	}
	units := []inventory.Availability{{SKU: sku, Available: w.fn.InventoryAvailable(w.stockItem(available).State)}}
	d := decider.Decider[inventory.State, inventory.Command, inventory.Event]{Decide: w.fn.InventoryDecide, Evolve: w.fn.InventoryEvolve}
	_, events, err := d.Settle(before.State, func(s inventory.State) (inventory.Command, bool) {
		c := inventory.Stamp(w.fn.InventoryReact(s, after.Seen), now)
		return inventory.WithAvailable(c, units), c != nil
	})
	if err != nil {
		return outcome{db: db, stock: stock, breaks: "inventory parks a record: " + err.Error()}
	}
	moved := w.stockItem(stock)
	for _, effect := range w.fn.InventoryEffects(before.State, events) {
		steps, err := w.fn.StockDecide(moved.State, effect.Command)
		if err != nil {
			return outcome{db: db, stock: stock, breaks: "inventory parks a record: " + err.Error()}
		}
		for _, e := range steps {
			moved.State = w.fn.StockEvolve(moved.State, e)
			moved.Version++
		}
	}
	out := w.commitReservation(before, after, events)
	out.stock = w.putStock(moved)
	return out
}

func (w *World) commitReservation(before, after reservationDB, events []inventory.Event) outcome {
	for _, e := range events {
		from := after.State
		after.State = w.fn.InventoryEvolve(from, e)
		after.Version++
		if why := reservationArrow(from, after.State); why != "" {
			return outcome{breaks: why}
		}
	}
	if why := w.rebuildReservation(before.State, after.State, events); why != "" {
		return outcome{breaks: why}
	}
	out := outcome{db: w.putReservation(after)}
	if _, shown := after.State.Public(); shown && inventory.Publishes(events) {
		out.record = w.putRecord(reservationRecord(after.State, after.Version))
	}
	return out
}

// reservationArrow names a step that a reservation must never make.
func reservationArrow(from, to inventory.State) string {
	allowed := false
	switch from.Status {
	case inventory.StatusNone:
		allowed = to.Status == inventory.StatusReserved || to.Status == inventory.StatusRejected || to.Status == inventory.StatusReleased
	case inventory.StatusReserved:
		allowed = to.Status == inventory.StatusCommitted || to.Status == inventory.StatusReleased
	case inventory.StatusCommitted:
		allowed = to.Status == inventory.StatusCommitted || to.Status == inventory.StatusRestocked
	case inventory.StatusRejected, inventory.StatusReleased, inventory.StatusRestocked:
	}
	switch {
	case !allowed:
		return fmt.Sprintf("a reservation that is %s becomes %s", from.Status, to.Status)
	case to.RestockedTotal() < from.RestockedTotal():
		return fmt.Sprintf("units put back go from %d to %d", from.RestockedTotal(), to.RestockedTotal())
	}
	return ""
}

func (w *World) rebuildReservation(before, after inventory.State, events []inventory.Event) string {
	s := before
	for _, e := range events {
		name, schema, data, err := inventory.EncodeEvent(e)
		if err == nil {
			e, err = inventory.DecodeEvent(name, schema, data)
		}
		if err != nil {
			return "a reservation's event cannot be stored: " + err.Error()
		}
		s = w.fn.InventoryEvolve(s, e)
	}
	if key(s) != key(after) {
		return "rebuilding a reservation gives another state"
	}
	return ""
}
