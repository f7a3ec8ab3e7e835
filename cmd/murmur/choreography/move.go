package choreography

import (
	"fmt"
	"slices"

	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/order"
	"github.com/murmuration-dev/murmuration/services/payment"
)

// The moments of the explored order: a deadline is only ever reached or not.
const (
	noon     int64 = 1_750_000_000_000_000 // microseconds
	deadline       = noon + 900_000_000
)

// move is something that can happen to a world.
type move struct {
	// due says that it happens by itself sooner or later; the others are what a
	// customer may do or leave.
	due bool
	run func(*engine, world) (world, Commit, error)
}

// moves are everything that can happen next. What is refused changes nothing.
func moves(w world) []move {
	var all []move
	for _, topic := range []string{schemas.Orders, schemas.Payments, schemas.Reservations} {
		r, ok := w.latest(topic)
		for _, reader := range readersOf[topic] {
			if ok && w.hasNews(reader, r) {
				all = append(all, move{due: true, run: func(e *engine, w world) (world, Commit, error) { return e.read(w, reader, r) }})
			}
		}
	}
	if asked, ok := w.Payment.State.Pending(); ok {
		for _, answer := range answers(asked, "card_declined") {
			all = append(all, move{due: true, run: func(e *engine, w world) (world, Commit, error) {
				return e.commitPayment(w, Commit{Actor: actorGateway, Input: answer.words}, answer.command)
			}})
		}
	}
	all = append(all, wish(true, actorDeadline, order.Expire{}))
	for _, c := range customerWishes(w.Order.State) {
		all = append(all, wish(false, actorCustomer, c))
	}
	return all
}

// The actors that are no service.
const (
	actorCustomer = "customer"
	actorDeadline = "deadline"
	actorGateway  = "gateway"
)

func wish(due bool, actor string, c order.Command) move {
	return move{due: due, run: func(e *engine, w world) (world, Commit, error) {
		return e.commitOrder(w, Commit{Actor: actor, Input: name(c)}, c)
	}}
}

// customerWishes are what a customer may ask for: to give back one unit, all the
// goods, what is no goods, or everything; and at any time to cancel.
func customerWishes(s order.State) []order.Command {
	all := []order.Command{order.Cancel{}}
	id := fmt.Sprintf("r-%d", len(s.Returns)+1)
	var goods, postage []order.ReturnLine
	for _, l := range s.Lines {
		left := order.ReturnLine{Line: l.Line, Quantity: l.Quantity - l.Returned}
		if left.Quantity == 0 {
			continue
		}
		if l.Kind == order.KindGoods {
			goods = append(goods, left)
		} else {
			postage = append(postage, left)
		}
	}
	for _, lines := range [][]order.ReturnLine{{{Line: 1, Quantity: 1}}, goods, postage, slices.Concat(goods, postage)} {
		if len(lines) > 0 {
			all = append(all, order.Return{ID: id, Lines: lines})
		}
	}
	return all
}

// answer is what the gateway may say to a command.
type answer struct {
	words   string
	command payment.Command
}

// answers are all outcomes of one gateway command, the good one first; a refusal
// gives the reason. A lost answer is none: the service asks again until it has
// one of these.
func answers(asked payment.GatewayCommand, reason string) []answer {
	declined := answer{"declined", payment.RecordDeclined{Reason: reason}}
	switch asked.Kind {
	case payment.KindCreate:
		return []answer{{"created", payment.RecordOpened{GatewayID: "pi_1"}}, declined}
	case payment.KindConfirm:
		return []answer{{"authorized", payment.RecordAuthorized{}}, declined}
	case payment.KindCapture:
		return []answer{{"captured", payment.RecordCaptured{}}, {"capture refused", payment.RecordCaptureRefused{Reason: reason}}}
	case payment.KindVoid:
		return []answer{{"voided", payment.RecordVoided{}}}
	case payment.KindRefund:
		return []answer{{"refunded", payment.RecordRefunded{To: asked.To}}}
	case payment.KindNone:
	}
	return nil
}
