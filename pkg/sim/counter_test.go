package sim_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/inbox"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/outbox"
	"github.com/murmuration-dev/murmuration/pkg/sim"
)

// The smallest pair of services that uses both hops: "meter" counts up what it is
// told to, and publishes each count; "display" notes each record that it reads.
// What display notes is not idempotent on purpose.

type count struct {
	N int `json:"n"`
}

type grown struct{}

var meters = &aggregate.Definition[count, struct{}, grown]{
	Kind:   "meter",
	Evolve: func(c count, _ grown) count { return count{c.N + 1} },
	Encode: func(grown) (string, int, []byte, error) { return "Grown", 1, []byte("{}"), nil },
	Decode: func(string, int, []byte) (grown, error) { return grown{}, nil },
	Publish: func(t aggregate.Transition[count]) (*eventstore.Record, error) {
		return &eventstore.Record{
			Topic: "meters", Key: t.Stream.ID, Value: strconv.AppendInt(nil, int64(t.After.N), 10),
			Headers: []eventstore.Header{{Key: "version", Value: strconv.FormatInt(t.Version, 10)}},
		}, nil
	},
	Show: func(t aggregate.Transition[count]) any { return t.After.N },
}

// note is what display keeps of one record.
type note struct {
	Partition int32 `json:"p"`
	Offset    int64 `json:"o"`
	N         int   `json:"n"`
}

type notes struct {
	All []note `json:"all"`
}

var displays = &aggregate.Definition[notes, struct{}, note]{
	Kind:   "display",
	Evolve: func(s notes, n note) notes { return notes{append(s.All[:len(s.All):len(s.All)], n)} },
	Encode: func(n note) (string, int, []byte, error) {
		data, err := json.Marshal(n)
		return "Noted", 1, data, err
	},
	Decode: func(_ string, _ int, data []byte) (n note, err error) {
		err = json.Unmarshal(data, &n)
		return n, err
	},
}

// display implements inbox.Handler.
type display struct{}

func (display) Handle(ctx context.Context, tx eventstore.Tx, unit *eventstore.Unit, records []inbox.Record) error {
	s := aggregate.Join(tx, unit)
	ids := make([]string, len(records))
	for i, r := range records {
		ids[i] = string(r.Key)
	}
	roots, err := displays.Load(ctx, s, ids...)
	if err != nil {
		return err
	}
	for i, r := range records {
		n, _ := r.Decoded.(int)
		if err := roots[i].Apply(eventstore.Meta{}, note{r.Partition, r.Offset, n}); err != nil {
			return err
		}
	}
	return s.Flush()
}

func decodeCount(_ context.Context, r kafka.Record) (any, error) {
	return strconv.Atoi(string(r.Value))
}

// parts are how the processes of the pair reach the platform; a test that plants
// a defect puts something in between.
type parts struct {
	store   func(*sim.Node) eventstore.Store
	log     func(*sim.Node, eventstore.Store) outbox.Log
	broker  func(*sim.Node) inbox.Broker
	handler inbox.Handler
}

func (p parts) withDefaults() parts {
	if p.store == nil {
		p.store = (*sim.Node).Store
	}
	if p.log == nil {
		p.log = func(n *sim.Node, _ eventstore.Store) outbox.Log { return n.Log(n.Service) }
	}
	if p.broker == nil {
		p.broker = (*sim.Node).Broker
	}
	if p.handler == nil {
		p.handler = display{}
	}
	return p
}

func relayConfig(n *sim.Node) outbox.Config {
	return outbox.Config{
		Relay: n.Service, PositionsTopic: n.Service + "-positions", Owner: n.Name, BatchRows: 3,
		LeaseTTL: 2 * time.Second, RenewEvery: 600 * time.Millisecond, MeasureEvery: 5 * time.Minute, DrainTimeout: time.Second,
		PollInterval: 1500 * time.Millisecond,
	}
}

func (p parts) runMeter(ctx context.Context, n *sim.Node) error {
	store := p.store(n)
	relay, err := outbox.New(relayConfig(n), outbox.Deps{
		Store: store, Log: p.log(n, store), EncodePosition: sim.EncodePosition, DecodePosition: sim.DecodePosition,
	})
	if err != nil {
		return err
	}
	n.Serve(aggregate.NewCommands(store))
	return relay.Run(ctx)
}

func (p parts) runDisplay(ctx context.Context, n *sim.Node) error {
	in, err := inbox.New(inbox.Config{Group: n.Service, Topics: []string{"meters"}}, inbox.Deps{
		Store: p.store(n), Broker: p.broker(n), Decode: decodeCount, Handler: p.handler,
	})
	if err != nil {
		return err
	}
	return in.Run(ctx)
}

// counting is the scenario of the pair.
func (p parts) counting(w *sim.World) {
	p = p.withDefaults()
	w.Topic("meters", 2)
	w.Topic("meter-positions", 1)
	choice := w.Rand("shape")
	meter := w.Service(sim.Service{Name: "meter", Replicas: 1 + choice.IntN(2), Start: p.runMeter})
	shown := w.Service(sim.Service{Name: "display", Replicas: 1 + choice.IntN(2), Start: p.runDisplay})

	acknowledged := newTally()
	for i := range 8 {
		id := "m" + strconv.Itoa(choice.IntN(3))
		at := time.Duration(choice.Int64N(int64(900 * time.Millisecond)))
		w.Step(fmt.Sprintf("grow %d (%s)", i, id), at, func(ctx context.Context, c *sim.Client) error {
			return grow(ctx, c, id, acknowledged)
		})
	}
	w.Settled(func() bool {
		if meter.Waiting() > 0 {
			return false
		}
		for _, m := range meter.Streams("meter") {
			last := shown.Stream(displays.StreamID(m.ID.ID))
			if seen := decodeNotes(last).All; len(seen) == 0 || int64(seen[len(seen)-1].N) < m.Version {
				return false
			}
		}
		return true
	})
	w.Finally("every acknowledged count is kept", func() error { return acknowledged.check(meter) })
	w.Finally("each version is published once, in order", func() error { return publishedOnce(w, meter) })
	w.Finally("each record takes effect once, in order", func() error { return notedOnce(w, shown) })
}

// grow asks the meter to count, until it says that it did, or knows not.
func grow(ctx context.Context, c *sim.Client, id string, t *tally) error {
	for ctx.Err() == nil {
		err := c.Reach(ctx, "meter", 5*time.Second, func(ctx context.Context, api any) error {
			return aggregate.Run(ctx, api.(*aggregate.Commands), meters, id, func(_ *aggregate.Session, root *aggregate.Root[count, struct{}, grown]) error {
				return root.Apply(eventstore.Meta{}, grown{})
			})
		})
		if err == nil {
			t.add(id)
			return nil
		}
		if !errors.Is(err, sim.ErrConnection) && !errors.Is(err, eventstore.ErrConflict) && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		if !c.Pause(ctx, 50*time.Millisecond) {
			return nil
		}
	}
	return nil
}

// tally is what customers were told.
type tally struct {
	mu sync.Mutex
	of map[string]int64
}

func newTally() *tally { return &tally{of: make(map[string]int64)} }

func (t *tally) add(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.of[id]++
}

func (t *tally) check(d *sim.Disk) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, n := range t.of {
		if v := d.Stream(meters.StreamID(id)).Version; v < n {
			return fmt.Errorf("%s is at %d, %d were acknowledged", id, v, n)
		}
	}
	return nil
}

// publishedOnce compares what was ever committed to the topic with what the events
// say was published: commands that share a commit share a record.
func publishedOnce(w *sim.World, d *sim.Disk) error {
	logged := make(map[string][]int64)
	for _, r := range w.Records("meters") {
		n, err := strconv.ParseInt(string(r.Value), 10, 64)
		if err != nil {
			return err
		}
		logged[string(r.Key)] = append(logged[string(r.Key)], n)
	}
	for _, s := range d.Streams("meter") {
		var promised []int64
		for _, e := range d.Events(s.ID) {
			if e.Published {
				promised = append(promised, e.Version)
			}
		}
		if !slices.Equal(logged[s.ID.ID], promised) {
			return fmt.Errorf("%s: promised are %v, published were %v", s.ID, promised, logged[s.ID.ID])
		}
	}
	return nil
}

func decodeNotes(s eventstore.Stream) (n notes) {
	if s.State != nil {
		if err := json.Unmarshal(s.State, &n); err != nil {
			panic(err)
		}
	}
	return n
}

// notedOnce compares what display noted with what was committed. Compaction may
// have taken older records away before they were read.
func notedOnce(w *sim.World, d *sim.Disk) error {
	promised := make(map[note]string)
	for _, r := range w.Records("meters") {
		n, _ := strconv.Atoi(string(r.Value))
		promised[note{r.Partition, r.Offset, n}] = string(r.Key)
	}
	for _, s := range d.Streams("display") {
		last := note{Offset: -1}
		for _, n := range decodeNotes(s).All {
			if promised[n] != s.ID.ID {
				return fmt.Errorf("%s noted count %d at %d/%d, which was never committed, or twice", s.ID, n.N, n.Partition, n.Offset)
			}
			delete(promised, n)
			if n.Offset <= last.Offset || n.N <= last.N {
				return fmt.Errorf("%s noted count %d at offset %d after %d at %d", s.ID, n.N, n.Offset, last.N, last.Offset)
			}
			last = n
		}
	}
	return nil
}
