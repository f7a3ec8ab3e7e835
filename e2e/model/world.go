package model

import (
	"encoding/binary"

	"github.com/murmuration-dev/murmuration/e2e/model/search"
)

// World is the platform around one or two orders: a search.System.
type World struct {
	cfg Config
	fn  Functions

	orderTable       *table[string, orderDB]
	paymentTable     *table[string, paymentDB]
	reservationTable *table[string, reservationDB]
	stockTable       *table[string, stockDB]
	recordTable      *table[string, record]
	logTable         *table[string, []id]
	ledgerTable      *table[string, ledger]
	callTable        *table[string, call]
	lateTable        *table[string, []request]
	relayTable       *table[relays, relays]

	commits *memo[commitKey, outcome]
	checks  *memo[[2]uint64, string]
	grown   *memo[[2]id, id]

	stock id
}

// commitKey is what a commit is a function of.
type commitKey struct {
	kind       uint8
	a, b, c, d id
}

// State is one state of the world.
type State struct {
	Orders [2]side
	Left   budget
	Relays uint32
	Stock  id
	// Zero is always 0. It fills the state up, so that it is hashed and compared
	// as plain memory.
	Zero uint16
}

// side is all there is of one order: three databases, three topics' records of
// its key, positions, and the gateway.
type side struct {
	order, payment, reservation id
	logs                        [3]id // by topic
	ledger, late                id
	calls                       [2]id    // of two executors, in order
	loaded                      [2]id    // the order as two workers have loaded it, or 0
	reading                     [2]uint8 // where in their topics, from 1
	// Positions: of payment and inventory in orders, and of order in the others.
	payAt, invAt uint8
	at           [2]uint8 // in payments, reservations
	due          [2]uint8 // their ends when the deadline was due, plus 1
}

// budget counts the faults that are left, four bits each.
type budget uint64

// fault is one kind of what is counted.
type fault uint8

const (
	faultAbandoned fault = iota
	faultRepeated
	faultExecutors
	faultForgotten
	faultLapsed
	faultReplays
	faultRebuilds
	faultRestores
	faultCrashes
	faultWriteOff
)

func (b budget) left(f fault) bool { return b>>(4*f)&15 > 0 }

func (b budget) less(f fault) budget { return b - 1<<(4*f) }

func (b budget) with(f fault, n uint8) budget { return b | budget(min(n, 15))<<(4*f) }

// New returns the world that cfg describes.
func New(cfg Config) *World {
	relayNumbers := 1
	if cfg.Relay.Explicit {
		relayNumbers = maxRelays
	}
	w := &World{
		cfg: cfg, fn: Real(),
		orderTable:       newTable[string, orderDB]("orders", maxValues),
		paymentTable:     newTable[string, paymentDB]("payments", maxValues),
		reservationTable: newTable[string, reservationDB]("reservations", maxValues),
		stockTable:       newTable[string, stockDB]("stock items", maxValues),
		recordTable:      newTable[string, record]("records", maxValues),
		logTable:         newTable[string, []id]("logs", maxValues),
		ledgerTable:      newTable[string, ledger]("ledgers", maxValues),
		callTable:        newTable[string, call]("calls", maxValues),
		lateTable:        newTable[string, []request]("late requests", maxValues),
		relayTable:       newTable[relays, relays]("relays", relayNumbers),
		commits:          newMemo[commitKey, outcome](),
		checks:           newMemo[[2]uint64, string](),
		grown:            newMemo[[2]id, id](),
	}
	if cfg.Functions != nil {
		w.fn = *cfg.Functions
	}
	w.stock = w.firstStock()
	return w
}

// Initial implements search.System.
func (w *World) Initial() State {
	s := State{Stock: w.stock}
	for i := range w.cfg.Orders {
		s.Orders[i] = side{
			order: w.putOrder(orderDB{}), payment: w.putPayment(paymentDB{}), reservation: w.putReservation(reservationDB{}),
			ledger: w.putLedger(ledger{}),
		}
	}
	f := w.cfg.Faults
	s.Left = s.Left.with(faultAbandoned, f.Abandoned).with(faultRepeated, f.Repeated).with(faultExecutors, f.Executors).
		with(faultForgotten, f.Forgotten).with(faultLapsed, f.Lapsed).with(faultReplays, f.Replays).with(faultRebuilds, f.Rebuilds)
	s.Left = s.Left.with(faultRestores, w.cfg.Relay.Restores).with(faultCrashes, w.cfg.Relay.Crashes)
	if w.cfg.WriteOff {
		s.Left = s.Left.with(faultWriteOff, 1)
	}
	if w.cfg.Relay.Explicit {
		s.Relays = w.putRelays(relays{})
	}
	return s
}

// Step is one step of the world.
type Step = search.Step[State, Move]

// steps collects what follows from one state.
type steps struct {
	w    *World
	from State
	out  []Step
}

// Next implements search.System.
func (w *World) Next(s State, out []Step) []Step {
	x := &steps{w: w, from: s, out: out}
	for i := range w.cfg.Orders {
		x.customers(i)
		x.deadlines(i)
		x.readers(i)
		x.executors(i)
		x.network(i)
		x.setBacks(i)
	}
	x.warehouse()
	if w.cfg.Relay.Explicit {
		x.relays()
	}
	return x.out
}

func (x *steps) add(to State, m Move, progress bool, breaks string) {
	if to == x.from && breaks == "" {
		return
	}
	if x.w.cfg.Symmetry && to.Orders[1].before(to.Orders[0]) {
		to.Orders[0], to.Orders[1] = to.Orders[1], to.Orders[0]
	}
	x.out = append(x.out, Step{To: to, Move: m, Progress: progress, Breaks: breaks})
}

// before orders sides, no matter how.
func (a side) before(b side) bool {
	p, q := a.words(), b.words()
	for i := range p {
		if p[i] != q[i] {
			return p[i] < q[i]
		}
	}
	return false
}

func (a side) words() [17]uint16 {
	pair := func(high, low uint8) uint16 { return uint16(high)<<8 | uint16(low) }
	return [17]uint16{
		a.order, a.payment, a.reservation, a.logs[0], a.logs[1], a.logs[2], a.ledger, a.late, a.calls[0], a.calls[1],
		a.loaded[0], a.loaded[1], pair(a.reading[0], a.reading[1]), pair(a.payAt, a.invAt), pair(a.at[0], a.at[1]), pair(a.due[0], a.due[1]),
	}
}

// commit remembers what a commit comes to.
func (w *World) commit(kind uint8, a, b, c, d id, f func() outcome) outcome {
	return w.commits.of(commitKey{kind, a, b, c, d}, f)
}

// publish puts a record, if there is one, into the outbox, or without relays
// straight into its topic.
func (x *steps) publish(to *State, i int, read id) string {
	if read == 0 {
		return ""
	}
	t := x.w.record(read).Topic
	if x.w.cfg.Relay.Explicit {
		x.enqueue(to, t, read)
		return ""
	}
	return x.w.extend(&to.Orders[i].logs[t], read)
}

// extend appends a record to a topic.
func (w *World) extend(log *id, read id) string {
	if last := w.last(*log); last != 0 && w.record(last).Version >= w.record(read).Version {
		return "the topic " + w.record(read).Topic.String() + " holds " + w.record(last).String() + " and then " + w.record(read).String()
	}
	*log = w.grow(*log, read)
	return ""
}

func (w *World) grow(log, read id) id {
	return w.grown.of([2]id{log, read}, func() id {
		old := w.log(log)
		return w.putLog(append(old[:len(old):len(old)], read))
	})
}

// last is the last record of a log, or 0.
func (w *World) last(log id) id {
	if records := w.log(log); len(records) > 0 {
		return records[len(records)-1]
	}
	return 0
}

func (w *World) putOrder(db orderDB) id     { return id(w.orderTable.put(key(db), db)) }
func (w *World) putPayment(db paymentDB) id { return id(w.paymentTable.put(key(db), db)) }
func (w *World) putReservation(db reservationDB) id {
	return id(w.reservationTable.put(key(db), db))
}
func (w *World) putStock(db stockDB) id    { return id(w.stockTable.put(key(db), db)) }
func (w *World) putRecord(r record) id     { return id(w.recordTable.put(key(r), r)) }
func (w *World) putLedger(l ledger) id     { return id(w.ledgerTable.put(key(l), l)) }
func (w *World) putCall(c call) id         { return id(w.callTable.put(key(c), c)) }
func (w *World) putRelays(r relays) uint32 { return w.relayTable.put(r, r) }

func (w *World) putLate(requests []request) id {
	if len(requests) == 0 {
		return 0
	}
	return id(w.lateTable.put(key(requests), requests))
}

func (w *World) putLog(records []id) id {
	if len(records) == 0 {
		return 0
	}
	var name []byte
	for _, r := range records {
		name = binary.BigEndian.AppendUint16(name, r)
	}
	return id(w.logTable.put(string(name), records))
}

func (w *World) order(i id) orderDB             { return w.orderTable.get(uint32(i)) }
func (w *World) payment(i id) paymentDB         { return w.paymentTable.get(uint32(i)) }
func (w *World) reservation(i id) reservationDB { return w.reservationTable.get(uint32(i)) }
func (w *World) stockItem(i id) stockDB         { return w.stockTable.get(uint32(i)) }
func (w *World) record(i id) record             { return w.recordTable.get(uint32(i)) }
func (w *World) log(i id) []id                  { return w.logTable.get(uint32(i)) }
func (w *World) ledger(i id) ledger             { return w.ledgerTable.get(uint32(i)) }
func (w *World) call(i id) call                 { return w.callTable.get(uint32(i)) }
func (w *World) late(i id) []request            { return w.lateTable.get(uint32(i)) }
func (w *World) relay(i uint32) relays          { return w.relayTable.get(i) }
