package model

import (
	"slices"

	"github.com/murmuration-dev/murmuration/services/payment"
)

// executors carry out the payment's intents: two, of which the second begins only
// when the first is taken for gone. Which is which does not matter.
func (x *steps) executors(i int) {
	if x.closed(payments) {
		return
	}
	s := &x.from.Orders[i]
	x.intents(i)
	for e := range s.calls {
		if e == 1 && s.calls[0] == s.calls[1] {
			break // the same again
		}
		if s.calls[e] != 0 {
			x.goesOn(i, e)
		}
	}
}

// intents that nobody executes are begun; one that somebody executes may be begun
// by a second executor.
func (x *steps) intents(i int) {
	w, s := x.w, &x.from.Orders[i]
	db := w.payment(s.payment)
	if len(db.Unwritten) > 0 {
		x.tornIntents(i, db)
	}
	free := slices.Index(s.calls[:], 0)
	if free < 0 {
		return
	}
	for n, key := range db.Intents {
		busy := s.calls[1-free] != 0 && w.call(s.calls[1-free]).Command.Key == key
		if busy && !x.from.Left.left(faultExecutors) {
			continue
		}
		c := w.commit(byAsk, s.payment, id(n), 0, 0, func() outcome { return outcome{db: w.putCall(w.begin(db, key))} }).db
		if w.cfg.Gateway == GatewayAtomic {
			x.wholeCall(i, w.call(c))
			continue
		}
		to := x.from
		to.Orders[i].calls[free] = c
		sortCalls(&to.Orders[i])
		if busy {
			to.Left = to.Left.less(faultExecutors)
			x.add(to, move(AskAgain, i, free), false, "")
		} else {
			x.add(to, move(Ask, i, free), true, "")
		}
	}
}

// begin is an executor's call for an intent. The command is taken from the
// payment's state; an intent that it no longer waits for is only ended.
func (w *World) begin(db paymentDB, key string) call {
	command, pending := w.fn.PaymentPending(db.State)
	if !pending || command.Key != key {
		return call{Command: payment.GatewayCommand{Key: key}, Answer: answer{Verdict: over}}
	}
	c := begin(command, w.cfg.Flaws.BlindRefund)
	if w.cfg.Flaws.CreateHolds && command.Kind == payment.KindVoid && command.GatewayID == "" {
		return c.finds(answer{Verdict: voided}) // nothing is found that could be voided
	}
	return c
}

// goesOn is what can become of a call under way.
func (x *steps) goesOn(i, e int) {
	w, s := x.w, &x.from.Orders[i]
	c := w.call(s.calls[e])
	if c.Answer.Verdict != waiting {
		x.records(i, e, c)
		if x.from.Left.left(faultAbandoned) {
			x.abandons(i, e, c, Ignore, s.late)
		}
		return
	}
	l := w.ledger(s.ledger)
	for choice := range l.choices(c.Request) {
		out := w.commit(byArrival, s.ledger, s.calls[e], id(choice), 0, func() outcome {
			after, answer := l.serve(c.Request, choice == 1, w.cfg.Flaws.CreateHolds)
			return outcome{db: w.putLedger(after), record: w.putCall(c.answered(answer))}
		})
		to := x.from
		to.Orders[i].ledger, to.Orders[i].calls[e] = out.db, out.record
		sortCalls(&to.Orders[i])
		x.add(to, move(Arrive, i, e, choice), true, "")
	}
	if x.from.Left.left(faultAbandoned) {
		x.abandons(i, e, c, Lose, s.late)
		if c.Request.moves() {
			x.abandons(i, e, c, Delay, w.delayed(s.late, s.calls[e]))
		}
	}
	if x.from.Left.left(faultRepeated) && c.Request.moves() {
		to := x.from
		to.Left = to.Left.less(faultRepeated)
		to.Orders[i].late = w.delayed(s.late, s.calls[e])
		x.add(to, move(Repeat, i, e), false, "")
	}
}

// records commits an answer, or gives the intent back.
func (x *steps) records(i, e int, c call) {
	to := x.from
	s := &to.Orders[i]
	out := outcome{db: s.payment}
	if c.Answer.Verdict != unknown {
		out = x.w.recorded(s.payment, s.calls[e])
	}
	s.payment, s.calls[e] = out.db, 0
	sortCalls(s)
	if why := x.publish(&to, i, out.record); out.breaks == "" {
		out.breaks = why
	}
	x.add(to, move(Record, i, e), true, out.breaks)
}

func (w *World) recorded(db, call id) outcome {
	return w.commit(byRecord, db, call, 0, 0, func() outcome { return w.paymentRecords(db, call) })
}

// abandons adds a time-out or a crash: the intent is asked again.
func (x *steps) abandons(i, e int, c call, kind Kind, late id) {
	to := x.from
	to.Left = to.Left.less(faultAbandoned)
	to.Orders[i].calls[e], to.Orders[i].late = 0, late
	if x.w.cfg.Flaws.TimeoutIsRefusal {
		verdict := refused
		if c.Command.Kind == payment.KindCapture {
			verdict = notTaken
		}
		to.Orders[i].calls[e] = x.w.putCall(c.finds(answer{Verdict: verdict, Text: "timeout"}))
	}
	sortCalls(&to.Orders[i])
	x.add(to, move(kind, i, e), false, "")
}

// wholeCall asks, is answered and records in one step.
func (x *steps) wholeCall(i int, c call) {
	w := x.w
	for refuse := range 2 {
		to, done := x.from, c
		s := &to.Orders[i]
		chosen := false
		for done.Answer.Verdict == waiting {
			l := w.ledger(s.ledger)
			chosen = chosen || l.choices(done.Request) == 2
			after, answer := l.serve(done.Request, refuse == 1, w.cfg.Flaws.CreateHolds)
			s.ledger, done = w.putLedger(after), done.answered(answer)
		}
		if refuse == 1 && !chosen {
			return
		}
		out := w.recorded(s.payment, w.putCall(done))
		s.payment = out.db
		if why := x.publish(&to, i, out.record); out.breaks == "" {
			out.breaks = why
		}
		x.add(to, move(Answer, i, 0, refuse), true, out.breaks)
	}
}

// network: requests that nobody waits for arrive, keys expire, holds lapse.
func (x *steps) network(i int) {
	w, s := x.w, &x.from.Orders[i]
	late, l := w.late(s.late), w.ledger(s.ledger)
	for n, r := range late {
		if n > 0 && late[n-1] == r {
			continue
		}
		for choice := range l.choices(r) {
			out := w.commit(byLateArrival, s.ledger, s.late, id(n), id(choice), func() outcome {
				after, _ := l.serve(r, choice == 1, w.cfg.Flaws.CreateHolds)
				return outcome{db: w.putLedger(after), record: w.putLate(slices.Delete(slices.Clone(late), n, n+1))}
			})
			to := x.from
			to.Orders[i].ledger, to.Orders[i].late = out.db, out.record
			x.add(to, move(ArriveLate, i, n, choice), true, "")
		}
	}
	if x.from.Left.left(faultForgotten) && len(l.Keys) > 0 && (w.cfg.Flaws.ShortKeys || !x.underWay(s)) {
		to := x.from
		to.Left = to.Left.less(faultForgotten)
		to.Orders[i].ledger = w.commit(byForget, s.ledger, 0, 0, 0, func() outcome { return outcome{db: w.putLedger(l.forget())} }).db
		x.add(to, move(ForgetKeys, i), false, "")
	}
	if holds, _, _, _ := l.sums(); holds > 0 && x.from.Left.left(faultLapsed) {
		to := x.from
		to.Left = to.Left.less(faultLapsed)
		to.Orders[i].ledger = w.commit(byLapse, s.ledger, 0, 0, 0, func() outcome { return outcome{db: w.putLedger(l.lapse())} }).db
		x.add(to, move(Lapse, i), false, "")
	}
}

// underWay tells whether somebody still waits for an answer, or a request may
// still arrive that changes anything.
func (x *steps) underWay(s *side) bool { return s.late != 0 || s.calls != [2]id{} }

// delayed adds a call's request to those that arrive late.
func (w *World) delayed(late, call id) id {
	return w.commit(byDelay, late, call, 0, 0, func() outcome {
		requests := append(slices.Clone(w.late(late)), w.call(call).Request)
		slices.SortFunc(requests, request.compare)
		return outcome{db: w.putLate(requests)}
	}).db
}

func sortCalls(s *side) {
	if s.calls[0] < s.calls[1] { // the free one last
		s.calls[0], s.calls[1] = s.calls[1], s.calls[0]
	}
}

// tornIntents writes the intents of a torn commit, or loses them in a crash.
func (x *steps) tornIntents(i int, db paymentDB) {
	keys := db.Unwritten
	db.Unwritten = nil
	to := x.from
	if to.Left.left(faultAbandoned) {
		to.Left = to.Left.less(faultAbandoned)
		to.Orders[i].payment = x.w.putPayment(db)
		x.add(to, move(LoseIntents, i), false, "")
	}
	for _, key := range keys {
		db.Intents = with(db.Intents, key)
	}
	to = x.from
	to.Orders[i].payment = x.w.putPayment(db)
	x.add(to, move(WriteIntents, i), true, "")
}
