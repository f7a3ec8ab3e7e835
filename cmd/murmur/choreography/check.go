package choreography

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/inventory"
	"github.com/murmuration-dev/murmuration/services/order"
	"github.com/murmuration-dev/murmuration/services/payment"
)

// What can be wrong with a choreography. Every error of Draw is one of these
// under errors.Is, or several.
var (
	// ErrBroken says that a service refuses what another one wrote, or reacts for
	// ever to one record.
	ErrBroken = errors.New("cannot go on")
	// ErrEndless says that one order never stops having new states.
	ErrEndless = errors.New("something counts up for ever")
	// ErrNoEnd says that a state has no way to an end.
	ErrNoEnd = errors.New("no way to an end")
	// ErrUnwritten says that a reaction waits for a state that nobody writes, or
	// that a schema names one.
	ErrUnwritten = errors.New("nobody writes it")
	// ErrUnread says that a topic has no reader.
	ErrUnread = errors.New("nobody reads it")
)

// Guard is a reaction that no order ever needs while every service keeps to the
// choreography: it is there for records that come otherwise.
type Guard struct {
	Service string
	Reaction
}

// check returns the guards, or every fault that there is.
func (x *exploration) check() ([]Guard, error) {
	guards, unwritten := x.reactToEverything()
	var faults []error
	for _, service := range sortedKeys(x.broken) {
		faults = append(faults, x.broken[service])
	}
	if len(faults) == 0 { // else what is broken is the reason
		faults = append(faults, x.checkEnds())
	}
	return guards, errors.Join(append(faults, unwritten, x.checkSymbols(), x.checkReaders())...)
}

// checkEnds follows the steps backwards from every end: a world in which nothing
// happens by itself and nothing is held or owed anywhere.
func (x *exploration) checkEnds() error {
	before := make([][]int, len(x.nodes))
	ends := make([]bool, len(x.nodes))
	var queue []int
	for i, n := range x.nodes {
		for _, next := range n.next {
			before[next] = append(before[next], i)
		}
		if n.rests && order.Settled(n.world.Order.State, n.world.Order.Seen) {
			ends[i] = true
			queue = append(queue, i)
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		for _, i := range before[queue[0]] {
			if !ends[i] {
				ends[i] = true
				queue = append(queue, i)
			}
		}
	}
	stuck := -1
	for i, n := range x.nodes {
		if ends[i] {
			continue
		}
		if n.rests {
			stuck = i
			break // the nearest that stands still tells most
		}
		if stuck < 0 {
			stuck = i
		}
	}
	if stuck < 0 {
		return nil
	}
	return fmt.Errorf("%s: %w:\n%s", x.nodes[stuck].world.standing(), ErrNoEnd, x.story(stuck))
}

// checkSymbols compares the states of a schema with those that are written.
func (x *exploration) checkSymbols() error {
	var faults []error
	for _, topic := range x.engine.system.Topics {
		for _, state := range vocabulary(topic) {
			if x.writes[topic.Name][state] == nil {
				faults = append(faults, fmt.Errorf("the schema of topic %s has the state %s: %w", topic.Name, state, ErrUnwritten))
			}
		}
	}
	return errors.Join(faults...)
}

// checkReaders wants a reader for every topic.
func (x *exploration) checkReaders() error {
	var faults []error
	readers := x.readers()
	for _, topic := range x.engine.system.Topics {
		if len(readers[topic.Name]) == 0 {
			faults = append(faults, fmt.Errorf("topic %s of the %s service: %w: no reaction needs a record of it", topic.Name, topic.Owner, ErrUnread))
		}
	}
	return errors.Join(faults...)
}

// vocabulary are the states that a topic's schema allows, without the one that
// stands for states younger than the reader.
func vocabulary(topic schemas.Topic) []string {
	var schema struct {
		Fields []struct {
			Name string          `json:"name"`
			Type json.RawMessage `json:"type"`
		} `json:"fields"`
	}
	if err := json.Unmarshal([]byte(topic.Schema), &schema); err != nil {
		return nil
	}
	for _, f := range schema.Fields {
		var enum struct {
			Symbols []string `json:"symbols"`
			Default string   `json:"default"`
		}
		if f.Name != "status" || json.Unmarshal(f.Type, &enum) != nil {
			continue
		}
		return slices.DeleteFunc(enum.Symbols, func(s string) bool { return s == enum.Default })
	}
	return nil
}

// unknown is what a state younger than the reader's schema is read as.
const unknown = "UNKNOWN"

// reactToEverything shows every state that was reached every record that the
// schemas allow. It returns the reactions that no order needs, and a fault for
// each reaction to a state that nobody writes.
func (x *exploration) reactToEverything() ([]Guard, error) {
	l := &listener{x: x, guards: make(map[string]Guard), faults: make(map[string]error)}
	orders, payments, reservations := make(map[string]order.State), make(map[string]payment.State), make(map[string]inventory.State)
	for _, n := range x.nodes {
		orders[key(n.world.Order.State)] = n.world.Order.State
		payments[key(n.world.Payment.State)] = n.world.Payment.State
		reservations[key(n.world.Reservation.State)] = n.world.Reservation.State
	}
	system := x.engine.system
	asPayments := variants(x, schemas.Payments, func(v any) order.Payment { return paymentSeen(v.(schemas.Payment)) },
		func(p order.Payment, state string) order.Payment {
			p.Version, p.Status = 1, order.PaymentStatus(state)
			return p
		})
	asReservations := variants(x, schemas.Reservations, func(v any) order.Reservation { return reservationSeen(v.(schemas.Reservation)) },
		func(r order.Reservation, state string) order.Reservation {
			r.Version, r.Status = 1, order.ReservationStatus(state)
			return r
		})
	for _, s := range orders {
		for _, p := range append(asPayments, order.Payment{}) {
			for _, r := range append(asReservations, order.Reservation{}) {
				seen := order.Observed{Payment: p, Reservation: r}
				c := system.Order.React(s, seen)
				if _, alarm := c.(order.Contradict); c != nil && !alarm {
					l.heard(schemas.OrderService, orderStanding(s), name(c), x.engine.orderCauses(s, seen))
				}
			}
		}
	}
	for _, o := range variants(x, schemas.Orders, func(v any) payment.Order { return orderPaid(v.(schemas.Order)) },
		func(o payment.Order, state string) payment.Order {
			o.Version, o.Status = 1, payment.OrderStatus(state)
			return o
		}) {
		for _, s := range payments {
			seen := payment.Observed{Order: o}
			c := system.Payment.React(s, seen)
			if _, alarm := c.(payment.Contradict); c != nil && !alarm {
				l.heard(schemas.PaymentService, paymentStanding(s), name(c), x.engine.paymentCauses(s, seen))
			}
		}
	}
	for _, o := range variants(x, schemas.Orders, func(v any) inventory.Order { return orderStocked(v.(schemas.Order)) },
		func(o inventory.Order, state string) inventory.Order {
			o.Version, o.Status = 1, inventory.OrderStatus(state)
			return o
		}) {
		for _, s := range reservations {
			seen := inventory.Observed{Order: o}
			c := system.Reservation.React(s, seen)
			if _, alarm := c.(inventory.Contradict); c != nil && !alarm {
				l.heard(schemas.InventoryService, reservationStanding(s), name(c), x.engine.reservationCauses(s, seen))
			}
		}
	}
	return l.result()
}

func key(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

// variants are all records of a topic that were written, in every state that its
// schema allows, as a reader takes them.
func variants[T any](x *exploration, topic string, take func(any) T, in func(T, string) T) []T {
	states := []string{unknown}
	for _, t := range x.engine.system.Topics {
		if t.Name == topic {
			states = append(states, vocabulary(t)...)
		}
	}
	distinct := make(map[string]bool)
	var all []T
	for _, n := range x.nodes {
		for _, r := range n.world.Log {
			if r.Topic != topic {
				continue
			}
			taken := take(r.Value)
			if once := key(in(taken, "")); distinct[once] {
				continue
			} else {
				distinct[once] = true
			}
			for _, state := range states {
				all = append(all, in(taken, state))
			}
		}
	}
	return all
}

// listener sorts reactions into needed ones, guards and faults.
type listener struct {
	x      *exploration
	guards map[string]Guard
	faults map[string]error
}

func (l *listener) heard(service, from, command string, causes []Cause) {
	labels, plain := make([]string, len(causes)), true
	for i, c := range causes {
		labels[i] = c.String()
		plain = plain && c.Detail == ""
		if l.x.writes[c.Topic][c.State] == nil {
			text := fmt.Sprintf("%s in %s reacts to %s %s with %s", service, orNothing(from), c.Topic, c.State, command)
			l.faults[text] = fmt.Errorf("%s: %w", text, ErrUnwritten)
		}
	}
	// A state beside numbers that are never written with it is no guard's business.
	if plain && len(causes) > 0 && !l.x.needs(service, from, command, causes) {
		l.guards[strings.Join(append(labels, service, from, command), "|")] = Guard{
			Service: service, Reaction: Reaction{From: from, Causes: causes, Command: command},
		}
	}
}

// needs tells whether a reaction was met on the way of some order.
func (x *exploration) needs(service, from, command string, causes []Cause) bool {
	for _, e := range x.edges {
		for _, r := range e.Reactions {
			if e.Service == service && r.From == from && r.Command == command && slices.Equal(r.Causes, causes) {
				return true
			}
		}
	}
	return false
}

func (l *listener) result() ([]Guard, error) {
	var guards []Guard
	for _, k := range sortedKeys(l.guards) {
		guards = append(guards, l.guards[k])
	}
	slices.SortStableFunc(guards, func(a, b Guard) int { return rankOf(a.Service) - rankOf(b.Service) })
	var faults []error
	for _, k := range sortedKeys(l.faults) {
		faults = append(faults, l.faults[k])
	}
	return guards, errors.Join(faults...)
}

func orNothing(standing string) string {
	if standing == "" {
		return "no state"
	}
	return standing
}
