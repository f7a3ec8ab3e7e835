package model

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/murmuration-dev/murmuration/e2e/model/search"
)

// Transcript tells a run that breaks a property step by step: what happened, and
// what changed by it.
func (w *World) Transcript(v *search.Violation[State, Move]) string {
	var b strings.Builder
	before := v.First
	for n, step := range v.Run {
		if n == v.Cycle {
			b.WriteString("    and from here round and round:\n")
		}
		changes := strings.Join(w.changes(before, step.To), "; ")
		fmt.Fprintf(&b, "%3d. %s\n", n+1, w.describe(before, step.To, step.Move))
		if changes != "" {
			fmt.Fprintf(&b, "       → %s\n", changes)
		}
		before = step.To
	}
	fmt.Fprintf(&b, "Broken: %s.\n", v.Property)
	return b.String()
}

// describe says what a step is.
func (w *World) describe(from, to State, m Move) string {
	text := w.what(from, to, m)
	if w.cfg.Orders > 1 && m.Kind != WriteOff {
		return fmt.Sprintf("order %c: %s", 'A'+m.Order, text)
	}
	return text
}

func (w *World) what(from, to State, m Move) string {
	s := &from.Orders[m.Order]
	switch m.Kind {
	case Place:
		return fmt.Sprintf("the customer orders %d for %d", w.cfg.Quantity, w.cfg.Quantity*amountPerUnit)
	case Cancel:
		return "the customer cancels"
	case Return:
		return fmt.Sprintf("the customer returns %d", m.B)
	case Due:
		return "the deadline is due"
	case Expire:
		return "the deadline fires"
	case WriteOff:
		return "one unit of stock is written off"
	case PaymentReads:
		return "payment reads " + w.readOf(s, orders, m.B, s.payAt)
	case InventoryReads:
		return "inventory reads " + w.readOf(s, orders, m.B, s.invAt)
	case OrderReads:
		return "order reads " + w.readOf(s, payments+topic(m.A), m.B, s.at[m.A])
	case OrderLoads:
		return fmt.Sprintf("order's worker for %s loads the order and reads %s", payments+topic(m.A), w.readOf(s, payments+topic(m.A), m.B, s.at[m.A]))
	case OrderCommits:
		return fmt.Sprintf("order's worker for %s commits", payments+topic(m.A))
	case Replay:
		return fmt.Sprintf("%s goes back to the beginning of %s", name(m.A), topic(m.B))
	case Rebuild:
		return name(m.A) + " rebuilds its state from events, and observes anew"
	case SkipEffects:
		return name(m.A) + " commits the position of record " + fmt.Sprint(m.B+1) + " and crashes before its effects"
	case WriteIntents:
		return "payment writes the intents of its last commit"
	case LoseIntents:
		return "payment crashes before it has written the intents of its last commit"
	case Publish, Delete, Crash, Recover, Copy, Restore:
		return w.whatRelay(from, to, m)
	default:
		return w.whatCall(s, &to.Orders[m.Order], m)
	}
}

// whatCall says what a step of an executor, or at the gateway, is.
func (w *World) whatCall(s, after *side, m Move) string {
	refuses := map[uint8]string{1: ", and the gateway refuses"}[m.B]
	switch m.Kind {
	case Ask, AskAgain:
		asked := w.call(after.calls[0])
		if s.calls[0] == after.calls[0] {
			asked = w.call(after.calls[1])
		}
		text := "payment begins " + asked.Command.Key
		if m.Kind == AskAgain {
			text = "a second executor begins " + asked.Command.Key + " too"
		}
		if asked.Request.Verb != noRequest {
			return text + " and sends: " + asked.Request.String()
		}
		return text
	case ArriveLate:
		return "late, a request arrives: " + w.late(s.late)[m.A].String() + refuses
	case ForgetKeys:
		return "the gateway forgets all idempotency keys"
	case Lapse:
		return "the gateway gives up its hold"
	case Answer:
		return "payment carries out " + w.payment(s.payment).Intents[0] + " at the gateway" + refuses
	default:
	}
	c := w.call(s.calls[m.A])
	switch m.Kind {
	case Arrive:
		return "the request arrives: " + c.Request.String() + refuses
	case Record:
		return fmt.Sprintf("payment records of %s: %s", c.Command.Key, c.Answer)
	case Lose:
		return "the request is lost, and payment gives up waiting: " + c.Request.String()
	case Delay:
		return "the request is delayed, and payment gives up waiting: " + c.Request.String()
	case Ignore:
		return "the answer is lost: " + c.Answer.String()
	case Repeat:
		return "the network repeats a request: " + c.Request.String()
	default:
	}
	return fmt.Sprintf("step %d", m.Kind)
}

func (w *World) whatRelay(from, to State, m Move) string {
	by := topic(m.A)
	before, after := w.relay(from.Relays), w.relay(to.Relays)
	switch m.Kind {
	case Publish:
		return fmt.Sprintf("%s publishes %s in batch %d", name(m.A), w.record(w.log(before.Out[by])[0]), after.Log[by])
	case Delete:
		return fmt.Sprintf("%s deletes the row of batch %d", name(m.A), after.Batch[by])
	case Crash:
		return name(m.A) + " crashes and starts again"
	case Copy:
		return fmt.Sprintf("%s's database is copied, at batch %d", name(m.A), before.Batch[by])
	case Restore:
		return fmt.Sprintf("%s's database is set back to the copy: batch %d, the log is at %d", name(m.A), after.Batch[by], after.Log[by])
	default: // Recover
		if after.State[by] == stopped {
			return name(m.A) + " compares its database with the log, and stops"
		}
		return fmt.Sprintf("%s compares its database with the log, and goes on at batch %d", name(m.A), after.Batch[by])
	}
}

// readOf names a record, and what compaction has removed before it.
func (w *World) readOf(s *side, t topic, j, at uint8) string {
	text := fmt.Sprintf("%s of %s", w.record(w.log(s.logs[t])[j]), t)
	if j > at {
		text += fmt.Sprintf(" (%d before it compacted)", j-at)
	}
	return text
}

func name(by uint8) string { return [...]string{"order", "payment", "inventory"}[by] }

// changes lists what is different after a step.
func (w *World) changes(from, to State) []string {
	var out []string
	for i := range w.cfg.Orders {
		a, b := &from.Orders[i], &to.Orders[i]
		if o := w.order(b.order); a.order != b.order && w.order(a.order).Version != o.Version {
			text := fmt.Sprintf("order %s v%d", cmp.Or(string(o.State.Status), "unknown"), o.Version)
			if o.State.RefundDue > 0 {
				text += fmt.Sprintf(", %d to refund", o.State.RefundDue)
			}
			out = append(out, text)
		}
		if p := w.payment(b.payment); a.payment != b.payment && w.payment(a.payment).Version != p.Version {
			text := fmt.Sprintf("payment %s v%d", cmp.Or(string(p.State.Status), "unknown"), p.Version)
			if f := p.State.InFlight; f.Kind != "" {
				text += fmt.Sprintf(", %s in flight", f.Kind)
			}
			out = append(out, text)
		}
		if r := w.reservation(b.reservation); a.reservation != b.reservation && w.reservation(a.reservation).Version != r.Version {
			out = append(out, fmt.Sprintf("reservation %s v%d", cmp.Or(string(r.State.Status), "unknown"), r.Version))
		}
		if a.ledger != b.ledger {
			out = append(out, w.ledgerChanges(w.ledger(a.ledger), w.ledger(b.ledger))...)
		}
	}
	if from.Stock != to.Stock {
		s := w.stockItem(to.Stock).State
		out = append(out, fmt.Sprintf("stock: %d on hand, %d reserved", s.OnHand, s.Reserved))
	}
	return out
}

func (w *World) ledgerChanges(a, b ledger) []string {
	var out []string
	for i, e := range b.Payments {
		switch {
		case i >= len(a.Payments) || a.Payments[i].Status != e.Status:
			out = append(out, fmt.Sprintf("gateway: payment %d %s", i+1, e.Status))
		case a.Payments[i].refunded() != e.refunded():
			out = append(out, fmt.Sprintf("gateway: %d of payment %d refunded", e.refunded(), i+1))
		}
	}
	return out
}
