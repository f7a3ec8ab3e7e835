package choreography

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/order"
)

// Edge is a change of one service's standing, and what makes it.
type Edge struct {
	Service  string
	From, To string
	// Label is the observation, the answer or the wish that makes it.
	Label string
	// Reactions are the commands that React gave for it, with what each needed.
	Reactions []Reaction
	// Effects are what follows in the same commit: records, stock, the gateway.
	Effects []string
}

// Writing is a state that a service writes to a topic.
type Writing struct {
	Topic  string
	State  string
	Writer string
	Events []string // the events that lead there, sorted
}

// Picture is the whole choreography of one order.
type Picture struct {
	Edges    []Edge
	Writings []Writing
	Guards   []Guard
	Topics   []schemas.Topic
	Readers  map[string][]string // by topic
	// Ends are the standings, by service, in which an order may rest for ever.
	Ends   map[string][]string
	Worlds int
}

// Draw explores the system and returns its picture. The error names
// everything that is wrong with the choreography, by the shortest way there.
func Draw(system System) (*Picture, error) {
	x, err := explore(system, maxWorlds)
	if err != nil {
		return nil, err
	}
	guards, err := x.check()
	if err != nil {
		return nil, err
	}
	p := &Picture{Guards: guards, Topics: system.Topics, Readers: x.readers(), Ends: x.ends(), Worlds: len(x.nodes)}
	for _, key := range sortedKeys(x.edges) {
		if !x.told(*x.edges[key]) {
			p.Edges = append(p.Edges, *x.edges[key])
		}
	}
	slices.SortStableFunc(p.Edges, func(a, b Edge) int {
		return cmp.Or(rankOf(a.Service)-rankOf(b.Service), x.first(a.Service, a.From)-x.first(b.Service, b.From),
			x.first(a.Service, a.To)-x.first(b.Service, b.To))
	})
	for _, topic := range system.Topics {
		for _, state := range sortedKeys(x.writes[topic.Name]) {
			p.Writings = append(p.Writings, *x.writes[topic.Name][state])
		}
	}
	slices.SortStableFunc(p.Writings, func(a, b Writing) int {
		if a.Topic != b.Topic {
			return 0
		}
		return x.first(a.Writer, a.State) - x.first(b.Writer, b.State)
	})
	return p, nil
}

// told reports whether another edge says the same without a number.
func (x *exploration) told(e Edge) bool {
	plain, _ := strings.CutSuffix(e.Label, ", "+freeOfCharge)
	_, known := x.edges[edgeKey(e.Service, e.From, e.To, plain)]
	return plain != e.Label && known
}

func edgeKey(service, from, to, label string) string {
	return strings.Join([]string{service, from, to, label}, "|")
}

// The services in the order in which they are shown.
var services = []string{schemas.OrderService, schemas.PaymentService, schemas.InventoryService}

func rankOf(service string) int { return slices.Index(services, service) }

// first tells after how many worlds a standing is met, so that pictures read
// from the start to the ends.
func (x *exploration) first(service, standing string) int {
	if standing == "" {
		return -1
	}
	for i, n := range x.nodes {
		if n.world.standingOf(service) == standing {
			return i
		}
	}
	return len(x.nodes)
}

// ends are the standings of settled worlds.
func (x *exploration) ends() map[string][]string {
	ends := make(map[string][]string)
	for _, n := range x.nodes {
		if !n.rests || !order.Settled(n.world.Order.State, n.world.Order.Seen) {
			continue
		}
		for _, service := range services {
			if s := n.world.standingOf(service); !slices.Contains(ends[service], s) {
				ends[service] = append(ends[service], s)
			}
		}
	}
	return ends
}

func (w world) standingOf(service string) string {
	switch service {
	case schemas.OrderService:
		return orderStanding(w.Order.State)
	case schemas.PaymentService:
		return paymentStanding(w.Payment.State)
	default:
		return reservationStanding(w.Reservation.State)
	}
}

// note adds what a commit shows to the picture.
func (x *exploration) note(c Commit) {
	for _, r := range c.Records {
		x.noteWriting(c, r)
	}
	if len(c.Events) == 0 || c.To == "" {
		return
	}
	e := Edge{Service: c.Service, From: c.From, To: c.To, Label: c.label(), Reactions: c.Reactions, Effects: c.effects()}
	key := edgeKey(e.Service, e.From, e.To, e.Label)
	if known, ok := x.edges[key]; ok {
		for _, effect := range e.Effects {
			if !slices.Contains(known.Effects, effect) {
				known.Effects = append(known.Effects, effect)
			}
		}
		return
	}
	x.edges[key] = &e
}

func (x *exploration) noteWriting(c Commit, r Record) {
	if x.writes[r.Topic] == nil {
		x.writes[r.Topic] = make(map[string]*Writing)
	}
	w := x.writes[r.Topic][r.State]
	if w == nil {
		w = &Writing{Topic: r.Topic, State: r.State, Writer: c.Service}
		x.writes[r.Topic][r.State] = w
	}
	if i, found := slices.BinarySearch(w.Events, r.Event); !found {
		w.Events = slices.Insert(w.Events, i, r.Event)
	}
}

// label is what made a commit: what it read, who asked, and what it had seen.
func (c Commit) label() string {
	var causes []string
	for _, r := range c.Reactions {
		for _, cause := range r.Causes {
			if text := cause.String(); !slices.Contains(causes, text) {
				causes = append(causes, text)
			}
		}
	}
	seen := strings.Join(causes, " and ")
	switch {
	case c.Read == nil && seen == "":
		return c.input()
	case c.Read == nil:
		return c.input() + ", " + seen
	case seen == "":
		return c.Read.Topic + " " + c.Read.State
	}
	return seen
}

// effects are what a commit does beside its own state.
func (c Commit) effects() []string {
	var effects []string
	for _, r := range c.Records {
		if r.State != "" {
			effects = append(effects, "writes "+r.Topic+" "+r.State)
		}
	}
	if c.Asked != "" {
		effects = append(effects, "asks the gateway to "+strings.ToUpper(strings.Split(c.Asked, "/")[1]))
	}
	for _, s := range c.Stock {
		verb, _, _ := strings.Cut(s, " ")
		effects = append(effects, "stock: "+verb)
	}
	return effects
}

// readers are who reads each topic: services whose reactions need it, and the
// named others.
func (x *exploration) readers() map[string][]string {
	readers := make(map[string][]string)
	for _, e := range x.edges {
		for _, r := range e.Reactions {
			for _, c := range r.Causes {
				if !slices.Contains(readers[c.Topic], e.Service) {
					readers[c.Topic] = append(readers[c.Topic], e.Service)
				}
			}
		}
	}
	for topic := range readers {
		slices.SortFunc(readers[topic], func(a, b string) int { return rankOf(a) - rankOf(b) })
	}
	for topic, reader := range x.engine.system.Readers {
		readers[topic] = append(readers[topic], reader)
	}
	return readers
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
