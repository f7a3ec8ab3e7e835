package inventory

// Command is what is to happen to the reservation of one order. At is the
// moment in microseconds since 1970 UTC, read by the caller.
//
//sumtype:decl
type Command interface{ isCommand() }

// Reserve holds all the lines or none. Available is what the stock items have
// now, read under their locks; an SKU that is not in it has nothing.
type Reserve struct {
	OrderID   string
	Lines     []Line
	Available []Availability
	At        int64
}

// Availability is how many units of one SKU can be reserved.
type Availability struct {
	SKU       string
	Available int64
}

// Commit takes what was reserved: the goods leave the shelf.
type Commit struct {
	At int64
}

// Release gives back what was reserved. Before anything was reserved it only
// leaves a floor.
type Release struct {
	OrderID string // for a reservation that does not exist yet
	Reason  string
	At      int64
}

// RestockAll puts back everything that was committed.
type RestockAll struct {
	Reason string
	At     int64
}

// Restock puts back what was returned. Lines carry cumulative quantities: only
// the difference to what was put back before is moved.
type Restock struct {
	Lines []ReturnedLine
	At    int64
}

// ReturnedLine is how many units of one line have come back in total.
type ReturnedLine struct {
	Line     int32
	Returned int64
}

// Contradict is React's answer to an observation that cannot be true. Decide
// always refuses it with ErrImpossible.
type Contradict struct {
	Detail string
}

func (Reserve) isCommand()    {}
func (Commit) isCommand()     {}
func (Release) isCommand()    {}
func (RestockAll) isCommand() {}
func (Restock) isCommand()    {}
func (Contradict) isCommand() {}

// Stamp returns the command with its moment set: React has no clock. A nil
// command stays nil.
func Stamp(c Command, at int64) Command {
	switch c := c.(type) {
	case Reserve:
		c.At = at
		return c
	case Commit:
		c.At = at
		return c
	case Release:
		c.At = at
		return c
	case RestockAll:
		c.At = at
		return c
	case Restock:
		c.At = at
		return c
	case Contradict:
		return c
	}
	return c
}

// WithAvailable returns the command with what is available filled in: React
// has no stock. Only Reserve asks for it; others are returned as they are.
func WithAvailable(c Command, available []Availability) Command {
	if r, ok := c.(Reserve); ok {
		r.Available = available
		return r
	}
	return c
}
