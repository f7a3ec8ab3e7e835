package replay

import (
	"sync/atomic"
	"time"
)

// Progress is how far a replay is. Its zero value is ready; it may be read while
// the replay runs.
type Progress struct {
	stage                           atomic.Int32
	items, placed, ended, returns   atomic.Int64
	itemsAll, ordersAll, returnsAll atomic.Int64
	before, firstPlaced             atomic.Int64 // µs
	troubles                        atomic.Int64
	trouble                         atomic.Pointer[Trouble]
}

// Stage is what a replay is at.
type Stage int32

// The stages of a replay, in their order.
const (
	Stocking Stage = iota
	Ordering
	Closing
	Done
)

// Trouble is why requests are being repeated.
type Trouble struct{ Reason string }

// Snapshot is Progress at one moment.
type Snapshot struct {
	Stage                 Stage
	Items, ItemsAll       int64 // SKUs brought to stock
	Placed, Ended, Orders int64 // Ended of those Placed; Orders is all there are
	Returns, ReturnsAll   int64
	Before                int64 // orders that an earlier run had placed
	// Rate is ended orders a second since the first one was placed, and Left the
	// time that the rest takes at that rate; 0 while unknown.
	Rate float64
	Left time.Duration
	// Trouble is why requests are repeated just now, or empty.
	Trouble string
}

// Snapshot reads the progress.
func (p *Progress) Snapshot() Snapshot {
	s := Snapshot{
		Stage: Stage(p.stage.Load()), Items: p.items.Load(), ItemsAll: p.itemsAll.Load(),
		Ended: p.ended.Load(), Placed: p.placed.Load(), Orders: p.ordersAll.Load(),
		Before: p.before.Load(), Returns: p.returns.Load(), ReturnsAll: p.returnsAll.Load(),
	}
	if first := p.firstPlaced.Load(); first > 0 && s.Ended > 0 {
		s.Rate = float64(s.Ended) / (float64(max(1, time.Now().UnixMicro()-first)) / 1e6)
		s.Left = time.Duration(float64(s.Orders-s.Ended) / s.Rate * float64(time.Second))
	}
	if t := p.trouble.Load(); t != nil && p.troubles.Load() > 0 {
		s.Trouble = t.Reason
	}
	return s
}
