package inventory

import "testing"

func TestAccount_MakesStockWhatItsReservationsSay(t *testing.T) {
	held := State{Status: StatusReserved, Lines: []Line{{SKU: "A", Quantity: 3}, {SKU: "B", Quantity: 1}, {SKU: "A", Quantity: 2}}}
	taken := State{Status: StatusCommitted, Lines: []Line{{SKU: "A", Quantity: 4, Restocked: 1}}}
	over := State{Status: StatusReleased, Lines: []Line{{SKU: "A", Quantity: 100}}}
	var a Moved
	for _, s := range []State{held, taken, over} {
		a = a.Plus(s.Moved()["A"])
	}
	if a != (Moved{Reserved: 5, Committed: 4, Restocked: 1}) {
		t.Fatalf("moved %+v", a)
	}
	is := Account(StockState{SKU: "A", OnHand: 20, Received: 20, WrittenOff: 0, Reserved: 9}, a, noon)
	if is.Reserved != 5 || is.Committed != 4 || is.Restocked != 1 || is.OnHand != 17 || is.UpdatedAt != noon || is.Check() != nil {
		t.Errorf("got %+v, %v", is, is.Check())
	}
	if again := Account(is, a, noon+1); !again.Same(is) {
		t.Errorf("accounting again gives %+v", again)
	}
}

// Nothing is ever promised that is not there: so it was received.
func TestAccount_FindsAReceiptThatWasLost(t *testing.T) {
	is := Account(StockState{SKU: "A", OnHand: 2, Received: 5, WrittenOff: 3}, Moved{Reserved: 4, Committed: 2}, noon)
	if is.Received != 9 || is.OnHand != 4 || is.Available() != 0 || is.Check() != nil {
		t.Errorf("got %+v, %v", is, is.Check())
	}
}
