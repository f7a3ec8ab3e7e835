package model

import (
	"github.com/murmuration-dev/murmuration/services/inventory"
	"github.com/murmuration-dev/murmuration/services/order"
	"github.com/murmuration-dev/murmuration/services/payment"
)

// readers consume topics: any record at or ahead of a position can be the next
// that compaction has left.
func (x *steps) readers(i int) {
	w, s := x.w, &x.from.Orders[i]
	log := w.log(s.logs[orders])
	for j := int(s.payAt); j < len(log) && !x.closed(payments); j++ {
		x.paymentReads(i, j, log[j])
	}
	for j := int(s.invAt); j < len(log) && !x.closed(reservations); j++ {
		x.inventoryReads(i, j, log[j])
	}
	if x.closed(orders) {
		return
	}
	for t := range 2 {
		log := w.log(s.logs[payments+topic(t)])
		for j := int(s.at[t]); j < len(log); j++ {
			if w.cfg.Workers == WorkersAtomic {
				x.orderReads(i, t, j, log[j])
			} else {
				x.orderLoads(i, t, j)
			}
		}
		x.orderCommits(i, t, log)
	}
}

// again names the property that is broken if reading a record that was seen
// before changes anything.
func again(seen, version int64, out outcome, changed bool) string {
	if out.breaks == "" && version <= seen && (changed || out.record != 0) {
		return "reading a record again has an effect"
	}
	return out.breaks
}

func (x *steps) paymentReads(i, j int, read id) {
	w, to := x.w, x.from
	db := to.Orders[i].payment
	out := w.commit(byPaymentRead, db, read, 0, 0, func() outcome {
		out := w.paymentReads(db, read)
		out.breaks = again(w.payment(db).Seen.Order.Version, w.record(read).Version, out, out.db != db)
		return out
	})
	to.Orders[i].payAt = uint8(j + 1)
	x.skips(to, move(SkipEffects, i, int(payments), j))
	to.Orders[i].payment = out.db
	if why := x.publish(&to, i, out.record); out.breaks == "" {
		out.breaks = why
	}
	x.add(to, move(PaymentReads, i, 0, j), true, out.breaks)
}

func (x *steps) inventoryReads(i, j int, read id) {
	w, to := x.w, x.from
	db, stock := to.Orders[i].reservation, to.Stock
	available := stock
	if w.cfg.Flaws.UncheckedStock {
		available = w.stock
	}
	out := w.commit(byInventoryRead, db, stock, available, read, func() outcome {
		out := w.inventoryReads(db, stock, available, read)
		out.breaks = again(w.reservation(db).Seen.Order.Version, w.record(read).Version, out, out.db != db || out.stock != stock)
		return out
	})
	to.Orders[i].invAt = uint8(j + 1)
	x.skips(to, move(SkipEffects, i, int(reservations), j))
	to.Orders[i].reservation, to.Stock = out.db, out.stock
	if why := x.publish(&to, i, out.record); out.breaks == "" {
		out.breaks = why
	}
	x.add(to, move(InventoryReads, i, 0, j), true, out.breaks)
}

func (x *steps) orderReads(i, t, j int, read id) {
	to := x.from
	out := x.w.observed(to.Orders[i].order, to.Orders[i].order, read)
	to.Orders[i].at[t] = uint8(j + 1)
	x.skips(to, move(SkipEffects, i, int(orders), j))
	to.Orders[i].order = out.db
	if why := x.publish(&to, i, out.record); out.breaks == "" {
		out.breaks = why
	}
	x.add(to, move(OrderReads, i, t, j), true, out.breaks)
}

func (w *World) observed(db, snapshot, read id) outcome {
	return w.commit(byOrderRead, db, snapshot, read, 0, func() outcome {
		seen, r := w.order(snapshot).Seen, w.record(read)
		version := seen.Payment.Version
		if r.Topic == reservations {
			version = seen.Reservation.Version
		}
		out := w.orderWrites(db, snapshot, read)
		out.breaks = again(version, r.Version, out, out.db != db)
		return out
	})
}

// orderLoads begins the transaction of a topic's worker.
func (x *steps) orderLoads(i, t, j int) {
	to := x.from
	s := &to.Orders[i]
	if s.reading[t] != 0 || x.locked(i) {
		return
	}
	s.reading[t], s.loaded[t] = uint8(j+1), s.order
	x.add(to, move(OrderLoads, i, t, j), true, "")
}

// orderCommits ends it. After a conflict nothing is written and the record is
// read again.
func (x *steps) orderCommits(i, t int, log []id) {
	to := x.from
	s := &to.Orders[i]
	if s.reading[t] == 0 {
		return
	}
	j := s.reading[t] - 1
	before := s.order
	out := x.w.observed(s.order, s.loaded[t], log[j])
	conflict := out.db == before && s.loaded[t] != before && out.breaks == ""
	s.order = out.db
	s.reading[t], s.loaded[t] = 0, 0
	if !conflict {
		s.at[t] = j + 1
	}
	if why := x.publish(&to, i, out.record); out.breaks == "" {
		out.breaks = why
	}
	x.add(to, move(OrderCommits, i, t, int(j)), true, out.breaks)
}

// locked tells whether a worker holds the lock of the order's stream.
func (x *steps) locked(i int) bool {
	return x.w.cfg.Workers == WorkersLocked && x.from.Orders[i].reading != [2]uint8{}
}

// skips adds a crash between a position that is committed and its effects.
func (x *steps) skips(to State, m Move) {
	if x.w.cfg.Flaws.PositionFirst && to.Left.left(faultAbandoned) {
		to.Left = to.Left.less(faultAbandoned)
		x.add(to, m, false, "")
	}
}

// setBacks: consumers begin anew, and states are rebuilt from events.
func (x *steps) setBacks(i int) {
	w := x.w
	if x.from.Left.left(faultReplays) {
		to := x.from
		to.Left = to.Left.less(faultReplays)
		x.rewind(to, i, payments, move(Replay, i, int(payments), int(orders)), func(s *side) { s.payAt = 0 })
		x.rewind(to, i, reservations, move(Replay, i, int(reservations), int(orders)), func(s *side) { s.invAt = 0 })
		for t := range 2 {
			x.rewind(to, i, orders, move(Replay, i, int(orders), int(payments)+t), func(s *side) { s.at[t] = 0 })
		}
	}
	if !x.from.Left.left(faultRebuilds) {
		return
	}
	to := x.from
	to.Left = to.Left.less(faultRebuilds)
	for by, rewound := range [3]func(*side){
		orders:       func(s *side) { s.order, s.at = w.blank(orders, s.order), [2]uint8{} },
		payments:     func(s *side) { s.payment, s.payAt = w.blank(payments, s.payment), 0 },
		reservations: func(s *side) { s.reservation, s.invAt = w.blank(reservations, s.reservation), 0 },
	} {
		x.rewind(to, i, service(by), move(Rebuild, i, by), rewound)
	}
}

// blank is a service's database after a rebuild: the state that its events give,
// which commits have compared, and nothing observed.
func (w *World) blank(by service, db id) id {
	return w.commit(byRebuild, db, id(by), 0, 0, func() outcome {
		switch by {
		case orders:
			o := w.order(db)
			o.Seen = order.Observed{}
			return outcome{db: w.putOrder(o)}
		case payments:
			p := w.payment(db)
			p.Seen = payment.Observed{}
			return outcome{db: w.putPayment(p)}
		case reservations:
		}
		r := w.reservation(db)
		r.Seen = inventory.Observed{}
		return outcome{db: w.putReservation(r)}
	}).db
}

// rewind adds a step that costs a fault if it changes anything.
func (x *steps) rewind(to State, i int, by service, m Move, change func(*side)) {
	before := to.Orders[i]
	change(&to.Orders[i])
	if to.Orders[i] != before && !x.closed(by) && before.reading == [2]uint8{} {
		x.add(to, m, false, "")
	}
}
