package choreography

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/murmuration-dev/murmuration/pkg/decider"
	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/inventory"
	"github.com/murmuration-dev/murmuration/services/order"
	"github.com/murmuration-dev/murmuration/services/payment"
)

// Cause is an observation that a reaction needs.
type Cause struct {
	Topic  string
	State  string
	Detail string // a number that matters beside the state, such as a refund due
}

// String is the cause as a label.
func (c Cause) String() string {
	if c.Detail != "" {
		return c.Topic + " " + c.State + ", " + c.Detail
	}
	return c.Topic + " " + c.State
}

// Reaction is one command that React gave, with what it needed to see.
type Reaction struct {
	From    string // the standing that reacted
	Causes  []Cause
	Command string
}

// Commit is one unit of work of one service: what came in, what followed.
type Commit struct {
	Service string
	// Actor is "" for a record; else "customer", "deadline" or "gateway".
	Actor string
	// Input is what came in: a command or an outcome of the gateway.
	Input string
	// Read is the record that came in.
	Read *Record

	From, To  string // standings
	Reactions []Reaction
	Events    []string
	Records   []Record
	Asked     string   // the gateway command put in flight, by its key
	Stock     []string // what was done to stock
	Known     bool     // the record was not newer than what was seen
}

// name is a Go type's name without its package.
func name(v any) string {
	text := fmt.Sprintf("%T", v)
	return text[strings.LastIndex(text, ".")+1:]
}

// engine runs a System. now is the moment of the commit, microseconds.
type engine struct {
	system System
	now    int64
}

// settle decides the command that came in, if one did, and lets React go on
// until nothing is left to do, as the services do in one commit.
func settle[S, O, C, E any](d Domain[S, O, C, E], s S, input C, react func(S) C) (S, []E, error) {
	machine := decider.Decider[S, C, E]{Decide: d.Decide, Evolve: d.Evolve}
	var events []E
	if any(input) != nil {
		next, decided, err := machine.Handle(s, input)
		if err != nil {
			return s, nil, err
		}
		s, events = next, decided
	}
	s, reacted, err := machine.Settle(s, func(s S) (C, bool) {
		c := react(s)
		return c, any(c) != nil
	})
	return s, append(events, reacted...), err
}

// needed reports whether a reaction would be another one without something.
func needed[S, O, C, E any](d Domain[S, O, C, E], s S, with, without O) bool {
	return !reflect.DeepEqual(d.React(s, with), d.React(s, without))
}

// commitOrder runs one commit of the order service.
func (e *engine) commitOrder(w world, c Commit, input order.Command) (world, Commit, error) {
	w, before := w.clone(), w.Order.State
	c.Service, c.From = schemas.OrderService, orderStanding(before)
	seen := w.Order.Seen
	after, events, err := settle(e.system.Order, before, order.Stamp(input, e.now), func(s order.State) order.Command {
		reaction := order.Stamp(e.system.Order.React(s, seen), e.now)
		if reaction != nil {
			c.Reactions = append(c.Reactions, Reaction{From: orderStanding(s), Causes: e.orderCauses(s, seen), Command: name(reaction)})
		}
		return reaction
	})
	if err != nil {
		return w, c, err
	}
	w.Order.State = after
	w.Order.Version += int64(len(events))
	c.To, c.Events = orderStanding(after), names(events)
	if order.Publishes(events) {
		c.Records = w.publish(orderRecord(after, w.Order.Version))
	}
	return w, c, nil
}

func (e *engine) orderCauses(s order.State, seen order.Observed) []Cause {
	var causes []Cause
	if needed(e.system.Order, s, seen, order.Observed{Reservation: seen.Reservation}) {
		causes = append(causes, Cause{Topic: schemas.Payments, State: string(seen.Payment.Status)})
	}
	if needed(e.system.Order, s, seen, order.Observed{Payment: seen.Payment}) {
		causes = append(causes, Cause{Topic: schemas.Reservations, State: string(seen.Reservation.Status)})
	}
	return causes
}

// commitPayment runs one commit of the payment service.
func (e *engine) commitPayment(w world, c Commit, input payment.Command) (world, Commit, error) {
	w, before := w.clone(), w.Payment.State
	c.Service, c.From = schemas.PaymentService, paymentStanding(before)
	seen := w.Payment.Seen
	after, events, err := settle(e.system.Payment, before, payment.Stamp(input, e.now), func(s payment.State) payment.Command {
		reaction := payment.Stamp(e.system.Payment.React(s, seen), e.now)
		if reaction != nil {
			c.Reactions = append(c.Reactions, Reaction{From: paymentStanding(s), Causes: e.paymentCauses(s, seen), Command: name(reaction)})
		}
		return reaction
	})
	if err != nil {
		return w, c, err
	}
	w.Payment.State = after
	w.Payment.Version += int64(len(events))
	c.To, c.Events = paymentStanding(after), names(events)
	if payment.Publishes(events) {
		c.Records = w.publish(paymentRecord(after, w.Payment.Version))
	}
	had, _ := before.Pending()
	if asked, ok := after.Pending(); ok && asked.Key != had.Key {
		c.Asked = asked.Key
	}
	return w, c, nil
}

// freeOfCharge marks an order for which no gateway is asked.
const freeOfCharge = "total 0"

func (e *engine) paymentCauses(s payment.State, seen payment.Observed) []Cause {
	if !needed(e.system.Payment, s, seen, payment.Observed{}) {
		return nil
	}
	cause := Cause{Topic: schemas.Orders, State: string(seen.Order.Status)}
	switch {
	case seen.Order.RefundDue > 0:
		cause.Detail = "refund due"
	case seen.Order.Total == 0:
		cause.Detail = freeOfCharge
	}
	return []Cause{cause}
}

// commitReservation runs one commit of the inventory service: the reservation
// and the stock that it moves.
func (e *engine) commitReservation(w world, c Commit) (world, Commit, error) {
	w, before := w.clone(), w.Reservation.State
	c.Service, c.From = schemas.InventoryService, reservationStanding(before)
	seen := w.Reservation.Seen
	after, events, err := settle(e.system.Reservation, before, nil, func(s inventory.State) inventory.Command {
		reaction := inventory.Stamp(e.system.Reservation.React(s, seen), e.now)
		if reaction != nil {
			c.Reactions = append(c.Reactions, Reaction{From: reservationStanding(s), Causes: e.reservationCauses(s, seen), Command: name(reaction)})
		}
		return inventory.WithAvailable(reaction, w.available(inventory.SKUs(s, reaction)))
	})
	if err != nil {
		return w, c, err
	}
	for _, effect := range inventory.StockEffects(before, events) {
		record, err := w.move(effect.SKU, effect.Command)
		if err != nil {
			return w, c, err
		}
		c.Stock = append(c.Stock, name(effect.Command)+" "+effect.SKU)
		c.Records = append(c.Records, record)
	}
	w.Reservation.State = after
	w.Reservation.Version += int64(len(events))
	c.To, c.Events = reservationStanding(after), names(events)
	if inventory.Publishes(events) {
		c.Records = append([]Record{reservationRecord(after, w.Reservation.Version)}, c.Records...)
	}
	c.Records = w.publish(c.Records...)
	return w, c, nil
}

func (e *engine) reservationCauses(s inventory.State, seen inventory.Observed) []Cause {
	if !needed(e.system.Reservation, s, seen, inventory.Observed{}) {
		return nil
	}
	cause := Cause{Topic: schemas.Orders, State: string(seen.Order.Status)}
	for _, l := range seen.Order.Lines {
		if l.Returned > 0 {
			cause.Detail = "goods back"
		}
	}
	return []Cause{cause}
}

// receive runs a movement of stock that a person asked for.
func (e *engine) receive(w world, c Commit, input inventory.StockCommand, sku string) (world, Commit, error) {
	w = w.clone()
	c.Service = schemas.InventoryService
	record, err := w.move(sku, inventory.StampStock(input, e.now))
	if err != nil {
		return w, c, err
	}
	c.Events, c.Records = []string{record.Event}, w.publish(record)
	return w, c, nil
}

// move applies a command to one stock item of a world that is a clone, and
// returns the record that says so.
func (w world) move(sku string, c inventory.StockCommand) (Record, error) {
	item := w.Stock[sku]
	events, err := inventory.DecideStock(item.State, c)
	if err != nil {
		return Record{}, err
	}
	for _, e := range events {
		item.State = inventory.EvolveStock(item.State, e)
	}
	item.Version += int64(len(events))
	w.Stock[sku] = item
	return stockRecord(item.State, item.Version), nil
}

func (w world) available(skus []string) []inventory.Availability {
	out := make([]inventory.Availability, len(skus))
	for i, sku := range skus {
		out[i] = inventory.Availability{SKU: sku, Available: w.Stock[sku].State.Available()}
	}
	return out
}

// read lets a service observe a record and react.
func (e *engine) read(w world, reader string, r Record) (world, Commit, error) {
	c := Commit{Service: reader, Read: &r}
	news := false
	switch v := r.Value.(type) {
	case schemas.Payment:
		w.Order.Seen, news = w.Order.Seen.WithPayment(paymentSeen(v))
	case schemas.Reservation:
		w.Order.Seen, news = w.Order.Seen.WithReservation(reservationSeen(v))
	case schemas.Order:
		if reader == schemas.PaymentService {
			w.Payment.Seen, news = w.Payment.Seen.WithOrder(orderPaid(v))
		} else {
			w.Reservation.Seen, news = w.Reservation.Seen.WithOrder(orderStocked(v))
		}
	}
	if !news {
		c.Known = true
		return w, c, nil
	}
	switch reader {
	case schemas.OrderService:
		return e.commitOrder(w, c, nil)
	case schemas.PaymentService:
		return e.commitPayment(w, c, nil)
	default:
		return e.commitReservation(w, c)
	}
}

// broken reports whether an error means that the choreography itself is broken,
// and not that somebody asked for what cannot be had now.
func broken(err error) bool {
	return errors.Is(err, order.ErrImpossible) || errors.Is(err, payment.ErrImpossible) ||
		errors.Is(err, inventory.ErrImpossible) || errors.Is(err, decider.ErrNoFixpoint) ||
		errors.Is(err, inventory.ErrInsufficient) || errors.Is(err, payment.ErrUnknown) || errors.Is(err, inventory.ErrUnknown)
}

func names[E any](events []E) []string {
	out := make([]string, len(events))
	for i, e := range events {
		out[i] = name(e)
	}
	return out
}
