package choreography

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/inventory"
	"github.com/murmuration-dev/murmuration/services/order"
)

// maxWorlds bounds an exploration. One order has some thousand worlds; far more
// means that something counts up for ever.
const maxWorlds = 200_000

// node is an explored world: how it was first reached and where it leads.
type node struct {
	world  world
	key    string // its fingerprint
	parent int    // -1 for a start
	commit Commit
	next   []int
	rests  bool // nothing happens by itself
}

// exploration is everything that can happen to one order.
type exploration struct {
	engine *engine
	nodes  []node
	known  map[string]int
	edges  map[string]*Edge
	writes map[string]map[string]*Writing // topic, state
	broken map[string]error               // by service, the nearest
}

// explore visits every world breadth first, so that the first world with a
// property is one that is reached in the fewest steps.
func explore(system System, limit int) (*exploration, error) {
	x := &exploration{
		engine: &engine{system: system, now: noon},
		known:  make(map[string]int),
		edges:  make(map[string]*Edge),
		writes: make(map[string]map[string]*Writing),
		broken: make(map[string]error),
	}
	if err := x.starts(); err != nil {
		return nil, err
	}
	for i := 0; i < len(x.nodes); i++ {
		x.expand(i)
		if len(x.nodes) > limit {
			return nil, fmt.Errorf("explore one order: %w: more than %d worlds:\n%s", ErrEndless, limit, x.story(len(x.nodes)-1))
		}
	}
	return x, nil
}

const sku = "85123A"

// starts places the order that is explored: with and without stock, paid and free.
func (x *exploration) starts() error {
	for _, received := range []int64{9, 1} {
		for _, price := range []int64{1_000, 0} {
			w := world{Stock: map[string]side[inventory.StockState, struct{}]{}}
			w, c, err := x.engine.receive(w, Commit{Actor: "people", Input: "Receive"}, inventory.Receive{ID: "r", SKU: sku, Quantity: received}, sku)
			if err != nil {
				return err
			}
			x.note(c)
			place := order.Place{ID: "o-1", Currency: "EUR", PaymentMethod: "pm_card_visa", Deadline: deadline, Lines: []order.Line{
				{SKU: sku, Quantity: 2, Amount: 2 * price, Kind: order.KindGoods},
				{SKU: "POST", Quantity: 1, Amount: price / 2, Kind: order.KindService},
			}}
			w, c, err = x.engine.commitOrder(w, Commit{Actor: actorCustomer, Input: name(place)}, place)
			if err != nil {
				return fmt.Errorf("place the explored order: %w", err)
			}
			x.note(c)
			x.add(w, fingerprint(w), -1, c)
		}
	}
	return nil
}

// expand takes every step from one world. A step that breaks the choreography is
// kept and leads nowhere.
func (x *exploration) expand(i int) {
	from, here := x.nodes[i].world, x.nodes[i].key
	rests := true
	for _, m := range moves(from) {
		x.engine.now = noon
		if m.due {
			x.engine.now = deadline
		}
		after, c, err := m.run(x.engine, from)
		if err != nil {
			if broken(err) && x.broken[c.Service] == nil {
				x.broken[c.Service] = fmt.Errorf("%s: %w: %w:\n%s\n  %-9s %s", c.Service, ErrBroken, err, x.story(i), c.Service, c.input())
			}
			continue
		}
		x.note(c)
		for _, topic := range []string{schemas.Orders, schemas.Payments, schemas.Reservations, schemas.StockLevels} {
			after.Log = latestOnly(after.Log, topic)
		}
		key := fingerprint(after)
		if key == here {
			continue
		}
		rests = rests && !m.due
		x.nodes[i].next = append(x.nodes[i].next, x.add(after, key, i, c))
	}
	x.nodes[i].rests = rests
}

func (x *exploration) add(w world, key string, parent int, c Commit) int {
	if i, ok := x.known[key]; ok {
		return i
	}
	x.known[key] = len(x.nodes)
	x.nodes = append(x.nodes, node{world: w, key: key, parent: parent, commit: c})
	return len(x.nodes) - 1
}

// fingerprint is equal for equal worlds. Offsets and moments do not count.
func fingerprint(w world) string {
	w.Log = slices.Clone(w.Log)
	for i := range w.Log {
		w.Log[i].Offset, w.Log[i].Value = 0, nil // the value is the state's, which is here as well
	}
	slices.SortFunc(w.Log, func(a, b Record) int { return strings.Compare(a.Topic, b.Topic) })
	w.Order.State.PlacedAt, w.Order.State.UpdatedAt = 0, 0
	w.Order.State.ConfirmedAt = min(w.Order.State.ConfirmedAt, 1)
	w.Payment.State.UpdatedAt, w.Payment.State.InFlight.Since = 0, 0
	w.Reservation.State.UpdatedAt = 0
	stock := w.Stock
	w.Stock = nil
	text, err := json.Marshal(w)
	if err != nil {
		panic(fmt.Sprintf("choreography: a world is no JSON: %v", err))
	}
	s := stock[sku].State
	return fmt.Sprintf("%s %d %d", text, s.OnHand, s.Reserved)
}

// story is the shortest way to a world, one commit a line.
func (x *exploration) story(i int) string {
	var lines []string
	for ; i >= 0; i = x.nodes[i].parent {
		n := x.nodes[i]
		lines = append(lines, fmt.Sprintf("  %-9s %-40s → %s", n.commit.Service, n.commit.input(), n.world.standing()))
	}
	slices.Reverse(lines)
	return strings.Join(lines, "\n")
}

// input is what came in, in words.
func (c Commit) input() string {
	switch {
	case c.Read != nil:
		return "reads " + c.Read.Topic + " " + c.Read.State
	case c.Actor == actorGateway:
		return "gateway: " + c.Input
	default:
		return c.Actor + ": " + c.Input
	}
}
