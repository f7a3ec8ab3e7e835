package inventory

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// The bounds of a stock item.
const (
	MaxMovement         = 1_000_000_000         // units received or written off at once
	MaxOnHand           = 1_000_000_000_000_000 // units, so that no sum can overflow
	MaxSKU              = 64                    // characters
	MaxID               = 64                    // characters of a movement's id
	MaxReason           = 500                   // characters
	RememberedMovements = 64                    // ids kept in the state, which is rewritten at every hold
)

// StockState is the stock item of one SKU. OnHand counts what is on the shelf,
// Reserved what of it is promised. The totals only grow.
type StockState struct {
	SKU        string `json:"sku,omitempty"`
	OnHand     int64  `json:"on_hand,omitempty"`
	Reserved   int64  `json:"reserved,omitempty"`
	Received   int64  `json:"received,omitempty"`
	Committed  int64  `json:"committed,omitempty"`
	Restocked  int64  `json:"restocked,omitempty"`
	WrittenOff int64  `json:"written_off,omitempty"`

	Movements []Movement `json:"movements,omitempty"` // the latest, oldest first
	UpdatedAt int64      `json:"updated_at,omitempty"`
	LastEvent string     `json:"last_event,omitempty"`
}

// Movement remembers a receipt (above 0) or a write-off (below 0) by its id,
// so that its repetition is known. A repetition of one that is older than the
// remembered ones must be caught by whoever kept the first answer.
type Movement struct {
	ID       string `json:"id"`
	Quantity int64  `json:"quantity"`
}

// Available is what can be reserved or written off.
func (s StockState) Available() int64 { return s.OnHand - s.Reserved }

// PublishesStock reports whether these events change what others are shown.
// Every event of a stock item does.
func PublishesStock(events []StockEvent) bool { return len(events) > 0 }

// Check returns ErrImpossible when the item's numbers do not add up.
func (s StockState) Check() error {
	switch {
	case s.OnHand != s.Received+s.Restocked-s.Committed-s.WrittenOff:
		return fmt.Errorf("stock %s: %d on hand is not %d received + %d restocked - %d committed - %d written off: %w",
			s.SKU, s.OnHand, s.Received, s.Restocked, s.Committed, s.WrittenOff, ErrImpossible)
	case s.Reserved < 0 || s.Reserved > s.OnHand || s.Restocked > s.Committed:
		return fmt.Errorf("stock %s: %d reserved of %d on hand, %d restocked of %d committed: %w",
			s.SKU, s.Reserved, s.OnHand, s.Restocked, s.Committed, ErrImpossible)
	}
	return nil
}

// DecideStock says what happens when the command meets the item: events to
// store, or the reason for a refusal. No events and no error means that the
// movement was recorded before. It never changes s.
func DecideStock(s StockState, c StockCommand) ([]StockEvent, error) {
	switch c := c.(type) {
	case Receive:
		return decideReceive(s, c)
	case WriteOff:
		return decideWriteOff(s, c)
	case Hold:
		if c.Quantity > s.Available() {
			return nil, fmt.Errorf("hold %d of %s for order %s, of which %d are available: %w",
				c.Quantity, c.SKU, c.OrderID, s.Available(), ErrInsufficient)
		}
		return checked(s, c.Quantity, StockHeld(c))
	case Unhold:
		return checked(s, c.Quantity, StockUnheld(c))
	case Take:
		return checked(s, c.Quantity, StockTaken(c))
	case PutBack:
		return checked(s, c.Quantity, StockPutBack(c))
	}
	return nil, fmt.Errorf("stock %s: no such command %T", s.SKU, c)
}

// checked lets an event through only when the item still adds up after it.
func checked(s StockState, quantity int64, e StockEvent) ([]StockEvent, error) {
	if quantity < 1 || quantity > MaxLines*MaxQuantity {
		return nil, fmt.Errorf("stock %s: %s of %d: %w", s.SKU, e.EventType(), quantity, ErrInvalid)
	}
	if err := EvolveStock(s, e).Check(); err != nil {
		return nil, fmt.Errorf("%s of %d: %w", e.EventType(), quantity, err)
	}
	return []StockEvent{e}, nil
}

func decideReceive(s StockState, c Receive) ([]StockEvent, error) {
	if err := checkMovement(c.ID, c.SKU, c.Quantity, ""); err != nil {
		return nil, err
	}
	if seen, err := s.seen(c.ID, c.Quantity); seen || err != nil {
		return nil, err
	}
	if s.OnHand > MaxOnHand-c.Quantity || s.Received > MaxOnHand-c.Quantity {
		return nil, fmt.Errorf("receive %d of %s: %w", c.Quantity, c.SKU, ErrOverfull)
	}
	return checked(s, c.Quantity, StockReceived(c))
}

func decideWriteOff(s StockState, c WriteOff) ([]StockEvent, error) {
	if err := checkMovement(c.ID, c.SKU, c.Quantity, c.Reason); err != nil {
		return nil, err
	}
	if seen, err := s.seen(c.ID, -c.Quantity); seen || err != nil {
		return nil, err
	}
	if c.Quantity > s.Available() {
		return nil, fmt.Errorf("write off %d of %s, of which %d are available: %w",
			c.Quantity, c.SKU, s.Available(), ErrInsufficient)
	}
	return checked(s, c.Quantity, StockWrittenOff(c))
}

// seen reports whether a movement was recorded before.
func (s StockState) seen(id string, quantity int64) (bool, error) {
	i := slices.IndexFunc(s.Movements, func(m Movement) bool { return m.ID == id })
	if i < 0 {
		return false, nil
	}
	if s.Movements[i].Quantity != quantity {
		return true, fmt.Errorf("movement %s of %s: %w", id, s.SKU, ErrMovementConflict)
	}
	return true, nil
}

func checkMovement(id, sku string, quantity int64, reason string) error {
	var f faults
	if id == "" || utf8.RuneCountInString(id) > MaxID || !utf8.ValidString(id) {
		f.addf("id", "must have 1 to %d characters", MaxID)
	}
	if sku == "" || utf8.RuneCountInString(sku) > MaxSKU || !utf8.ValidString(sku) {
		f.addf("sku", "must have 1 to %d characters", MaxSKU)
	}
	if quantity < 1 || quantity > MaxMovement {
		f.addf("quantity", "is %d, must be 1 to %d", quantity, MaxMovement)
	}
	if utf8.RuneCountInString(reason) > MaxReason || !utf8.ValidString(reason) {
		f.addf("reason", "must have at most %d characters", MaxReason)
	}
	return f.err()
}
