package contract

import (
	"reflect"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/services/inventory"
)

func TestRestoreReservation_IsAllOfIt(t *testing.T) {
	was := inventory.State{
		OrderID: "1", Status: inventory.StatusCommitted, Reason: "why", UpdatedAt: 5, LastEvent: "Restocked",
		Lines:     []inventory.Line{{Line: 2, SKU: "A", Quantity: 4, Restocked: 1}},
		Shortages: []inventory.Shortage{{SKU: "B", Wanted: 2, Available: 1}},
	}
	said := reservation(aggregate.Transition[inventory.State]{Version: 3, After: was})
	if is := RestoreReservation(inventory.State{}, said); !reflect.DeepEqual(is, was) {
		t.Errorf("got %+v, was %+v", is, was)
	}
}

func TestRestoreStock_RemembersTheMovementsThatAreKnown(t *testing.T) {
	was := inventory.StockState{
		SKU: "A", OnHand: 7, Reserved: 2, Received: 10, Committed: 3, Restocked: 1, WrittenOff: 1, UpdatedAt: 5, LastEvent: "StockHeld",
		Movements: []inventory.Movement{{ID: "r", Quantity: 10}},
	}
	said := stock(aggregate.Transition[inventory.StockState]{Version: 3, After: was})
	known := inventory.StockState{SKU: "A", OnHand: 10, Received: 10, Movements: was.Movements}
	if is := RestoreStock(known, said); !reflect.DeepEqual(is, was) {
		t.Errorf("got %+v, was %+v", is, was)
	}
}
