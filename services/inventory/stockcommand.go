package inventory

// StockCommand is what is to happen to the stock item of one SKU. Quantities
// are units, above 0. At is the moment in microseconds since 1970 UTC.
//
//sumtype:decl
type StockCommand interface{ isStockCommand() }

// Receive adds goods. ID is the caller's name for this receipt: the same
// receipt again changes nothing. Errors: ErrInvalid, ErrOverfull,
// ErrMovementConflict.
type Receive struct {
	ID       string
	SKU      string
	Quantity int64
	At       int64
}

// WriteOff removes goods that are broken or lost, of those available only:
// what is promised to an order stays. ID works as in Receive. Errors:
// ErrInvalid, ErrInsufficient, ErrMovementConflict.
type WriteOff struct {
	ID       string
	SKU      string
	Quantity int64
	Reason   string
	At       int64
}

// Hold moves units from available to reserved. Errors: ErrInsufficient.
type Hold struct {
	OrderID  string
	SKU      string
	Quantity int64
	At       int64
}

// Unhold moves units from reserved back to available.
type Unhold struct {
	OrderID  string
	SKU      string
	Quantity int64
	At       int64
}

// Take removes reserved units: they have left the shelf.
type Take struct {
	OrderID  string
	SKU      string
	Quantity int64
	At       int64
}

// PutBack makes taken units available again.
type PutBack struct {
	OrderID  string
	SKU      string
	Quantity int64
	At       int64
}

func (Receive) isStockCommand()  {}
func (WriteOff) isStockCommand() {}
func (Hold) isStockCommand()     {}
func (Unhold) isStockCommand()   {}
func (Take) isStockCommand()     {}
func (PutBack) isStockCommand()  {}

// StampStock returns the command with its moment set. A nil command stays nil.
func StampStock(c StockCommand, at int64) StockCommand {
	switch c := c.(type) {
	case Receive:
		c.At = at
		return c
	case WriteOff:
		c.At = at
		return c
	case Hold:
		c.At = at
		return c
	case Unhold:
		c.At = at
		return c
	case Take:
		c.At = at
		return c
	case PutBack:
		c.At = at
		return c
	}
	return c
}
