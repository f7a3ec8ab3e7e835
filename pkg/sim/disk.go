package sim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// Disk is the database of one service. What was committed is durable and
// survives every crash; everything else, units under way, their locks and
// signals, is volatile and does not.
//
// A process uses it through [Node.Store]. The methods here take no time: those
// that look are for checks only, Copy, Restore and Rewind for steps.
type Disk struct {
	part  part
	world *World
	name  string

	data  tables
	locks map[eventstore.StreamID]*lock
	seq   int64              // last sequence that was handed out
	late  map[int64]struct{} // handed out, but not visible yet
	open  map[*tx]struct{}
}

// tables are what is durable.
type tables struct {
	epoch     string
	streams   map[eventstore.StreamID]eventstore.Stream
	events    map[eventstore.StreamID][]eventstore.Event
	outbox    []eventstore.OutboxRow // by Seq
	written   map[int64]int64        // when a row was written, by Seq
	intents   map[string]intentRow
	positions map[spot]eventstore.Position
	parked    map[eventstore.ParkedKey]eventstore.Parked
	answers   map[string]eventstore.Answer
	relays    map[string]eventstore.RelayState
	leases    map[string]eventstore.LeaseState
}

type spot struct {
	topic     string
	partition int32
}

type intentRow struct {
	eventstore.Intent
	owner string
	until int64 // leased
}

// ready is when an intent can be claimed.
func (i intentRow) ready() int64 { return max(i.Due, i.until) }

func newDisk(w *World, name string) *Disk {
	return &Disk{
		world: w, name: name, part: part{name: name + " db"},
		locks: make(map[eventstore.StreamID]*lock), late: make(map[int64]struct{}), open: make(map[*tx]struct{}),
		data: tables{
			epoch:     "epoch-" + name,
			streams:   make(map[eventstore.StreamID]eventstore.Stream),
			events:    make(map[eventstore.StreamID][]eventstore.Event),
			written:   make(map[int64]int64),
			intents:   make(map[string]intentRow),
			positions: make(map[spot]eventstore.Position),
			parked:    make(map[eventstore.ParkedKey]eventstore.Parked),
			answers:   make(map[string]eventstore.Answer),
			relays:    make(map[string]eventstore.RelayState),
			leases:    make(map[string]eventstore.LeaseState),
		},
	}
}

// Name is that of the service.
func (d *Disk) Name() string { return d.name }

// Copy is a backup of a database.
type Copy struct{ data tables }

// Copy takes a backup.
func (d *Disk) Copy() *Copy {
	d.world.mu.Lock()
	defer d.world.mu.Unlock()
	return &Copy{d.data.clone()}
}

// Restore brings a backup back, as an operator would who does not know better: the
// database keeps its identity, and its sequences go back with it.
func (d *Disk) Restore(c *Copy) {
	d.world.mu.Lock()
	defer d.world.mu.Unlock()
	d.crash()
	d.data = c.data.clone()
	d.seq = 0
	if n := len(d.data.outbox); n > 0 {
		d.seq = d.data.outbox[n-1].Seq
	}
	d.world.event(nil, "database of "+d.name+" is restored")
}

func (t tables) clone() tables {
	t.streams, t.written, t.intents = maps.Clone(t.streams), maps.Clone(t.written), maps.Clone(t.intents)
	t.positions, t.parked, t.answers = maps.Clone(t.positions), maps.Clone(t.parked), maps.Clone(t.answers)
	t.relays, t.leases, t.outbox = maps.Clone(t.relays), maps.Clone(t.leases), slices.Clone(t.outbox)
	t.events = maps.Clone(t.events)
	for id, events := range t.events {
		t.events[id] = slices.Clip(events) // an append to one copy leaves the other alone
	}
	return t
}

func (t tables) history(id eventstore.StreamID, after int64, limit int) []eventstore.Event {
	all := t.events[id]
	first := min(max(after, 0), int64(len(all)))
	last := min(first+int64(limit), int64(len(all)))
	return slices.Clone(all[first:last])
}

// crash breaks every unit that is open: what was not durable is gone.
func (d *Disk) crash() {
	for _, t := range d.openInOrder() {
		t.broken = true
		t.release()
	}
	clear(d.late)
}

func (d *Disk) openInOrder() []*tx {
	return slices.SortedFunc(maps.Keys(d.open), func(a, b *tx) int { return cmp.Compare(a.number, b.number) })
}

// Streams returns the rows of a kind, by id.
func (d *Disk) Streams(kind string) []eventstore.Stream {
	return d.data.page(kind, "", len(d.data.streams))
}

// Stream returns one row, at version 0 if there is none.
func (d *Disk) Stream(id eventstore.StreamID) eventstore.Stream {
	s, ok := d.data.streams[id]
	if !ok {
		s.ID = id
	}
	return s
}

// Events returns the events of a stream.
func (d *Disk) Events(id eventstore.StreamID) []eventstore.Event { return d.data.events[id] }

// Waiting is how many rows wait in the outbox.
func (d *Disk) Waiting() int { return len(d.data.outbox) }

// Parked returns the records that were set aside.
func (d *Disk) Parked() []eventstore.Parked {
	return d.data.parkedPage(eventstore.ParkedKey{}, len(d.data.parked))
}

// Intents returns the intents that are not finished, by key.
func (d *Disk) Intents() []eventstore.Intent {
	var out []eventstore.Intent
	for _, key := range slices.Sorted(maps.Keys(d.data.intents)) {
		out = append(out, d.data.intents[key].Intent)
	}
	return out
}

// CaughtUp tells whether the inbox of the service has read all that is committed
// to topics.
func (d *Disk) CaughtUp(topics ...string) bool {
	for _, name := range topics {
		t := d.world.cluster.topics[name]
		if t == nil {
			return false
		}
		for _, p := range t.partitions {
			if d.data.positions[spot{name, p.index}].Next < p.end {
				return false
			}
		}
	}
	return true
}

// Reader returns the database as an eventstore.Reader, for checks: it takes no
// time and never fails, but runs no queries.
func (d *Disk) Reader() eventstore.Reader { return looker{d} }

// Position returns where the inbox of the service stands in a partition.
func (d *Disk) Position(topic string, partition int32) int64 {
	return d.data.positions[spot{topic, partition}].Next
}

// Rewind makes the inbox of the service read everything again, as an operator
// would who starts a replay. A process that runs notices with its next commit; one
// that has nothing to read does not: see [World.Restart].
func (d *Disk) Rewind() {
	d.world.mu.Lock()
	defer d.world.mu.Unlock()
	clear(d.data.positions)
	d.world.event(nil, "positions of "+d.name+" are set back to the start")
}

func compareKeys(a, b eventstore.ParkedKey) int {
	return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Key, b.Key))
}

// commit writes a unit, or nothing.
func (d *Disk) commit(t *tx, u eventstore.Unit) error {
	if err := d.refuse(t, u); err != nil {
		return err
	}
	at := d.world.now()
	for _, m := range u.Moves {
		d.data.positions[spot{m.Topic, m.Partition}] = eventstore.Position{Topic: m.Topic, Partition: m.Partition, TopicID: m.TopicID, Next: m.To}
	}
	for _, a := range u.Answers {
		d.data.answers[a.Key] = a
	}
	records := 0
	for i := range u.Changes {
		records += d.change(&u.Changes[i], t, at)
	}
	for _, key := range u.FinishIntents {
		delete(d.data.intents, key)
	}
	for _, in := range u.Intents {
		if _, exists := d.data.intents[in.Key]; !exists {
			in.State, in.Attempts, in.LastError = eventstore.IntentPending, 0, ""
			d.data.intents[in.Key] = intentRow{Intent: in}
		}
	}
	for _, key := range u.Unpark {
		delete(d.data.parked, key)
	}
	for _, p := range u.Park {
		d.data.parked[p.ParkedKey] = p
	}
	if records > 0 {
		d.signal(t.store.committed)
	}
	if len(u.Intents) > 0 {
		d.signal(t.store.intents)
	}
	return nil
}

// signal tells a process of a commit, soon after it: at an instant of its own, so
// that nobody hears it and the answer to the commit at once.
func (d *Disk) signal(c chan struct{}) {
	d.world.later(fastest, func() { signal(c) })
}

// refuse finds what keeps a unit from being written.
func (d *Disk) refuse(t *tx, u eventstore.Unit) error {
	for _, m := range u.Moves {
		p := d.data.positions[spot{m.Topic, m.Partition}]
		if p.Next != m.From || p.TopicID != "" && p.TopicID != m.TopicID {
			return &eventstore.ConflictError{What: "position " + m.Topic + "/" + strconv.Itoa(int(m.Partition)), Expected: m.From, Actual: p.Next}
		}
	}
	for _, a := range u.Answers {
		if _, kept := d.data.answers[a.Key]; kept {
			return &eventstore.ConflictError{What: "answer " + a.Key, Expected: -1, Actual: -1}
		}
	}
	for i := range u.Changes {
		if err := t.check(&u.Changes[i]); err != nil {
			return err
		}
	}
	return nil
}

// change writes one stream and returns how many records it adds.
func (d *Disk) change(c *eventstore.Change, t *tx, at int64) int {
	row := d.data.streams[c.Stream]
	row.ID, row.State, row.Observed = c.Stream, c.State, c.Observed
	row.Version = c.Expected + int64(len(c.Events))
	for i, e := range c.Events {
		d.data.events[c.Stream] = append(d.data.events[c.Stream], eventstore.Event{
			Stream: c.Stream, Version: c.Expected + int64(i) + 1, Type: e.Type, Schema: e.Schema, Data: e.Data, Meta: e.Meta,
			Published: c.Record != nil && i == len(c.Events)-1,
		})
	}
	if c.Record == nil {
		d.data.streams[c.Stream] = row
		return 0
	}
	row.Published = row.Version
	d.data.streams[c.Stream] = row
	seq := t.take()
	add := eventstore.OutboxRow{RowID: eventstore.RowID{Stream: c.Stream, Version: row.Version}, Seq: seq, Record: *c.Record}
	i, _ := slices.BinarySearchFunc(d.data.outbox, seq, func(r eventstore.OutboxRow, seq int64) int { return cmp.Compare(r.Seq, seq) })
	d.data.outbox = slices.Insert(d.data.outbox, i, add)
	d.data.written[seq] = at
	return 1
}

// published deletes rows that are in the log.
func (d *Disk) published(relay string, rows []eventstore.RowID, state eventstore.RelayState) error {
	if state.StoreEpoch != "" && state.StoreEpoch != d.data.epoch {
		return &eventstore.ConflictError{What: "epoch of the store of relay " + relay, Expected: -1, Actual: -1}
	}
	if stored := d.data.relays[relay].Batch; stored != state.Batch-1 {
		return &eventstore.ConflictError{What: "batch of relay " + relay, Expected: state.Batch - 1, Actual: stored}
	}
	state.StoreEpoch = ""
	d.data.relays[relay] = state
	d.data.outbox = slices.DeleteFunc(d.data.outbox, func(r eventstore.OutboxRow) bool {
		gone := slices.Contains(rows, r.RowID)
		if gone {
			delete(d.data.written, r.Seq)
		}
		return gone
	})
	return nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func describe(u eventstore.Unit) string {
	var s string
	for _, c := range u.Changes {
		s += " " + c.Stream.String() + "@" + strconv.FormatInt(c.Expected, 10)
		for _, e := range c.Events {
			s += "+" + e.Type
		}
		if c.Record != nil {
			s += "!"
		}
	}
	for _, m := range u.Moves {
		s += fmt.Sprintf(" %s/%d %d→%d", m.Topic, m.Partition, m.From, m.To)
	}
	for _, in := range u.Intents {
		s += " intent " + in.Key
	}
	for _, key := range u.FinishIntents {
		s += " finished " + key
	}
	for _, p := range u.Park {
		s += " parked " + p.Topic + " " + p.Key + " (" + p.Reason + ")"
	}
	return s
}
