package model

import "slices"

// The relay, taken apart: rows are published one by one with a position record
// that carries the batch's number and names the row; then the row is deleted and
// the number stored in one commit of the database. A restarted service compares
// the two before it goes on.

// relays is what is needed of three services to explore that. Only one order is
// explored with it.
type relays struct {
	Out   [3]id    // rows of the outbox, a log of records
	First [3]uint8 // sequence of the oldest row, where it is its name
	Batch [3]uint8 // the last batch, as the database knows
	Log   [3]uint8 // the last batch, as the position record says
	Named [3]id    // the row that the position record names
	Seq   [3]uint8 // its name where a sequence is one
	State [3]running
	Copy  copied
}

// running is how a service is.
type running uint8

const (
	runs running = iota
	restarted
	stopped // for a person to look at
)

// copied is the copy of one service's database, if there is one.
type copied struct {
	Taken        bool
	Of           service
	DB, Stock    id
	Ledger       id // of the gateway, then
	At           [2]uint8
	Out          id
	First, Batch uint8
}

// closed tells whether a service reads and executes nothing now.
func (x *steps) closed(by service) bool {
	return x.w.cfg.Relay.Explicit && x.w.relay(x.from.Relays).State[by] != runs
}

// shut tells whether the order service takes no requests of customers.
func (x *steps) shut() bool {
	late := x.w.cfg.Relay.Late && x.w.relay(x.from.Relays).State[orders] == restarted
	return x.closed(orders) && !late
}

// enqueue puts a record into an outbox.
func (x *steps) enqueue(to *State, by service, read id) {
	r := x.w.relay(to.Relays)
	if r.Out[by] == 0 {
		r.First[by] = 1 // of an empty table, as without AUTOINCREMENT
	}
	r.Out[by] = x.w.grow(r.Out[by], read)
	to.Relays = x.w.putRelays(r)
}

func (x *steps) relays() {
	for by := range reservations + 1 {
		r := x.w.relay(x.from.Relays)
		switch r.State[by] {
		case runs:
			x.publishes(by, r)
			x.deletes(by, r)
			if x.from.Left.left(faultCrashes) {
				r.State[by] = restarted
				to := x.from
				to.Left, to.Relays = to.Left.less(faultCrashes), x.w.putRelays(r)
				x.add(to, move(Crash, 0, int(by)), false, "")
			}
		case restarted:
			x.recovers(by, r)
		case stopped:
		}
		x.restores(by, x.w.relay(x.from.Relays))
	}
}

// publishes writes the oldest row and the position record, in one transaction of
// the log.
func (x *steps) publishes(by service, r relays) {
	rows := x.w.log(r.Out[by])
	if len(rows) == 0 || r.Log[by] != r.Batch[by] {
		return
	}
	r.Log[by]++
	r.Named[by], r.Seq[by] = rows[0], r.First[by]
	to := x.from
	to.Relays = x.w.putRelays(r)
	breaks := x.w.extend(&to.Orders[0].logs[by], rows[0])
	x.add(to, move(Publish, 0, int(by)), true, breaks)
}

func (x *steps) deletes(by service, r relays) {
	if r.Log[by] != r.Batch[by]+1 {
		return
	}
	r, _ = x.w.withoutNamed(r, by)
	r.Batch[by]++
	to := x.from
	to.Relays = x.w.putRelays(r)
	x.add(to, move(Delete, 0, int(by)), true, "")
}

// withoutNamed removes the row that the position record names; ok is false if
// there is none.
func (w *World) withoutNamed(r relays, by service) (relays, bool) {
	rows := w.log(r.Out[by])
	i := slices.IndexFunc(rows, func(row id) bool {
		if w.cfg.Relay.Detect == DetectContents {
			return row == r.Named[by]
		}
		return r.Named[by] != 0 && w.record(row).Version == w.record(r.Named[by]).Version
	})
	if w.cfg.Flaws.ReusedRows {
		if i = int(r.Seq[by]) - int(r.First[by]); i < 0 || i >= len(rows) {
			i = -1
		}
	}
	if i < 0 {
		return r, false
	}
	if i == 0 {
		r.First[by]++
	}
	r.Out[by] = w.putLog(slices.Delete(slices.Clone(rows), i, i+1))
	if r.Out[by] == 0 {
		r.First[by] = 0
	}
	return r, true
}

// recovers makes the database agree with the log, or finds that it cannot.
func (x *steps) recovers(by service, r relays) {
	detect := x.w.cfg.Relay.Detect
	ahead := int(r.Log[by]) - int(r.Batch[by])
	r.State[by] = runs
	switch {
	case detect != DetectNothing && ahead > 1:
		r.State[by] = stopped
	case detect == DetectNothing || ahead == 1:
		cleaned, found := x.w.withoutNamed(r, by)
		if detect >= DetectRows && !found {
			r.State[by] = stopped
			break
		}
		r = cleaned
		r.Batch[by] = r.Log[by]
	}
	to := x.from
	to.Relays = x.w.putRelays(r)
	x.add(to, move(Recover, 0, int(by)), true, "")
}

// restores copies a database, and sets it back to the copy.
func (x *steps) restores(by service, r relays) {
	if !x.from.Left.left(faultRestores) {
		return
	}
	to := x.from
	s := &to.Orders[0]
	if !r.Copy.Taken {
		r.Copy = copied{Taken: true, Of: by, Out: r.Out[by], First: r.First[by], Batch: r.Batch[by]}
		switch by {
		case orders:
			r.Copy.DB, r.Copy.At = s.order, s.at
		case payments:
			r.Copy.DB, r.Copy.At[0], r.Copy.Ledger = s.payment, s.payAt, s.ledger
		case reservations:
			r.Copy.DB, r.Copy.At[0], r.Copy.Stock = s.reservation, s.invAt, to.Stock
		}
		to.Relays = x.w.putRelays(r)
		x.add(to, move(Copy, 0, int(by)), false, "")
		return
	}
	if r.Copy.Of != by || by == payments && r.Copy.Ledger != s.ledger && !x.w.cfg.Relay.Unheard {
		return
	}
	late := s.late
	switch by {
	case orders:
		s.order, s.at = r.Copy.DB, r.Copy.At
	case payments:
		s.payment, s.payAt = r.Copy.DB, r.Copy.At[0]
		for _, c := range s.calls {
			if x.w.call(c).Request.moves() {
				late = x.w.delayed(late, c)
			}
		}
		s.calls = [2]id{}
	case reservations:
		s.reservation, s.invAt, to.Stock = r.Copy.DB, r.Copy.At[0], r.Copy.Stock
	}
	r.Out[by], r.First[by], r.Batch[by] = r.Copy.Out, r.Copy.First, r.Copy.Batch
	r.State[by], r.Copy = restarted, copied{}
	to.Relays, to.Left = x.w.putRelays(r), to.Left.less(faultRestores)
	x.add(to, move(Restore, 0, int(by), 1), false, "")
	if late != s.late {
		s.late = late
		x.add(to, move(Restore, 0, int(by)), false, "")
	}
}
