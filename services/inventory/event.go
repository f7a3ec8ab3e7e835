package inventory

// Event is something that happened to the reservation of one order. Events are
// the truth and are never changed once written; a new shape gets a new schema
// number (codec.go).
//
//sumtype:decl
type Event interface {
	isEvent()
	// EventType is the name that is stored and shown, such as "Committed".
	EventType() string
}

// Reserved says that every line is held.
type Reserved struct {
	OrderID string `json:"order_id"`
	Lines   []Line `json:"lines,omitempty"`
	At      int64  `json:"at"`
}

// Rejected says that nothing is held, because some SKUs are short.
type Rejected struct {
	OrderID   string     `json:"order_id"`
	Lines     []Line     `json:"lines,omitempty"`
	Shortages []Shortage `json:"shortages"`
	Reason    string     `json:"reason"`
	At        int64      `json:"at"`
}

// Committed says that everything held has left the shelf.
type Committed struct {
	At int64 `json:"at"`
}

// Released says that nothing is held any more, or ever will be.
type Released struct {
	OrderID string `json:"order_id"`
	Reason  string `json:"reason"`
	At      int64  `json:"at"`
}

// Restocked put goods back. Complete says that it was the last of them.
type Restocked struct {
	Lines    []RestockedLine `json:"lines,omitempty"`
	Reason   string          `json:"reason"`
	Complete bool            `json:"complete"`
	At       int64           `json:"at"`
}

// RestockedLine is how far one line is back. From and To are cumulative.
type RestockedLine struct {
	Line int32  `json:"line"`
	SKU  string `json:"sku"`
	From int64  `json:"from"`
	To   int64  `json:"to"`
}

func (Reserved) isEvent()  {}
func (Rejected) isEvent()  {}
func (Committed) isEvent() {}
func (Released) isEvent()  {}
func (Restocked) isEvent() {}

// EventType implements Event.
func (Reserved) EventType() string { return "Reserved" }

// EventType implements Event.
func (Rejected) EventType() string { return "Rejected" }

// EventType implements Event.
func (Committed) EventType() string { return "Committed" }

// EventType implements Event.
func (Released) EventType() string { return "Released" }

// EventType implements Event.
func (Restocked) EventType() string { return "Restocked" }
