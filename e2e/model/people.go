package model

import (
	"fmt"

	"github.com/murmuration-dev/murmuration/services/inventory"
	"github.com/murmuration-dev/murmuration/services/order"
)

// customers place, cancel and return, whenever that changes anything. A request
// that comes again is the same request, which the domain refuses or ignores.
func (x *steps) customers(i int) {
	if x.shut() || x.locked(i) {
		return
	}
	w, db := x.w, x.from.Orders[i].order
	x.orderDoes(i, move(Place, i), true, w.commit(byPlace, db, 0, 0, 0, func() outcome { return w.orderCommand(db, w.placeCommand()) }))
	x.orderDoes(i, move(Cancel, i), false, w.commit(byCancel, db, 0, 0, 0, func() outcome { return w.orderCommand(db, order.Cancel{At: now}) }))
	if !w.cfg.Returns {
		return
	}
	returns := len(w.order(db).State.Returns)
	if returns >= 2 {
		return
	}
	for units := 1; units <= 1+returns; units++ {
		x.orderDoes(i, move(Return, i, 0, units), false, w.commit(byReturn, db, id(units), 0, 0, func() outcome {
			return w.orderCommand(db, order.Return{
				ID: fmt.Sprint("return-", returns+1), Lines: []order.ReturnLine{{Line: 1, Quantity: int64(units)}}, At: now,
			})
		}))
	}
}

// orderDoes adds a step that commits to the order's database.
func (x *steps) orderDoes(i int, m Move, progress bool, out outcome) {
	to := x.from
	to.Orders[i].order = out.db
	if why := x.publish(&to, i, out.record); out.breaks == "" {
		out.breaks = why
	}
	x.add(to, m, progress, out.breaks)
}

// deadlines fire as long as the intent waits.
func (x *steps) deadlines(i int) {
	w, s := x.w, &x.from.Orders[i]
	if w.cfg.Deadline == DeadlineNever || x.closed(orders) || x.locked(i) || !w.order(s.order).Deadline {
		return
	}
	if w.cfg.Deadline == DeadlineAfterInbox {
		if s.due[0] == 0 {
			to := x.from
			to.Orders[i].due = [2]uint8{uint8(len(w.log(s.logs[payments])) + 1), uint8(len(w.log(s.logs[reservations])) + 1)}
			x.add(to, move(Due, i), false, "")
			return
		}
		read := s.at[0] >= s.due[0]-1 && s.at[1] >= s.due[1]-1
		if !read && !w.cfg.Flaws.DeadlineUnread {
			return
		}
	}
	db := s.order
	out := w.commit(byExpire, db, 0, 0, 0, func() outcome { return w.orderCommand(db, order.Expire{At: now}) })
	if s.due[0] > 0 && out.db != db && out.breaks == "" && w.promised(s) {
		out.breaks = "an order expires although payment and stock were promised in time"
	}
	x.orderDoes(i, move(Expire, i), false, out)
}

// promised tells whether the last records before the due time were promises.
func (w *World) promised(s *side) bool {
	p, r := w.log(s.logs[payments])[:s.due[0]-1], w.log(s.logs[reservations])[:s.due[1]-1]
	return len(p) > 0 && len(r) > 0 &&
		w.record(p[len(p)-1]).Payment.Status == order.PaymentAuthorized &&
		w.record(r[len(r)-1]).Reservation.Status == order.ReservationReserved
}

// warehouse writes off one unit.
func (x *steps) warehouse() {
	if !x.from.Left.left(faultWriteOff) {
		return
	}
	w, to := x.w, x.from
	out := w.commit(byWriteOff, to.Stock, 0, 0, 0, func() outcome {
		return w.stockCommand(x.from.Stock, inventory.WriteOff{ID: "w-1", SKU: sku, Quantity: 1, At: now})
	})
	if out.stock == to.Stock {
		return // refused
	}
	to.Stock, to.Left = out.stock, to.Left.less(faultWriteOff)
	x.add(to, move(WriteOff, 0), false, out.breaks)
}
