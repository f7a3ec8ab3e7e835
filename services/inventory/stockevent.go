package inventory

// StockEvent is something that happened to the stock item of one SKU.
//
//sumtype:decl
type StockEvent interface {
	isStockEvent()
	// EventType is the name that is stored and shown, such as "StockHeld".
	EventType() string
}

// StockReceived added goods.
type StockReceived struct {
	ID       string `json:"id"`
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
	At       int64  `json:"at"`
}

// StockWrittenOff removed goods that were available.
type StockWrittenOff struct {
	ID       string `json:"id"`
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
	Reason   string `json:"reason,omitempty"`
	At       int64  `json:"at"`
}

// StockHeld reserved units for an order.
type StockHeld struct {
	OrderID  string `json:"order_id"`
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
	At       int64  `json:"at"`
}

// StockUnheld gave up units held for an order.
type StockUnheld struct {
	OrderID  string `json:"order_id"`
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
	At       int64  `json:"at"`
}

// StockTaken let units held for an order leave the shelf.
type StockTaken struct {
	OrderID  string `json:"order_id"`
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
	At       int64  `json:"at"`
}

// StockPutBack brought units of an order back to the shelf.
type StockPutBack struct {
	OrderID  string `json:"order_id"`
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
	At       int64  `json:"at"`
}

func (StockReceived) isStockEvent()   {}
func (StockWrittenOff) isStockEvent() {}
func (StockHeld) isStockEvent()       {}
func (StockUnheld) isStockEvent()     {}
func (StockTaken) isStockEvent()      {}
func (StockPutBack) isStockEvent()    {}

// EventType implements StockEvent.
func (StockReceived) EventType() string { return "StockReceived" }

// EventType implements StockEvent.
func (StockWrittenOff) EventType() string { return "StockWrittenOff" }

// EventType implements StockEvent.
func (StockHeld) EventType() string { return "StockHeld" }

// EventType implements StockEvent.
func (StockUnheld) EventType() string { return "StockUnheld" }

// EventType implements StockEvent.
func (StockTaken) EventType() string { return "StockTaken" }

// EventType implements StockEvent.
func (StockPutBack) EventType() string { return "StockPutBack" }
