package plan

import (
	"slices"
	"time"
)

// Kind is what is done.
type Kind string

// The kinds of faults.
const (
	Kill     Kind = "kill -9"         // SIGKILL, and a start after a while
	Freeze   Kind = "freeze"          // SIGSTOP past every lease and timeout, then SIGCONT: a zombie wakes up
	Restart  Kind = "restart"         // SIGTERM, and a start once it has ended
	Cut      Kind = "cut off"         // no packet passes in either direction
	Delay    Kind = "delay"           // each packet is late
	Reset    Kind = "reset at COMMIT" // connections break around the COMMIT: before it, or before its answer
	DiskFull Kind = "disk full"       // the volume has no block left
	Clock    Kind = "clock jump"      // the wall clock is wrong by minutes, either way
	Settings Kind = "topic settings"  // segments, compaction and compression change under way
	Move     Kind = "leaders move"    // every partition gets another leader
	Rolling  Kind = "rolling restart" // every part, one after the other
	Scale    Kind = "replicas 1-3-1"  // down to one replica, up to three, down to one
	Errors   Kind = "errors"          // answers of 500, half of them carried out all the same
)

// Kinds are all kinds, in a fixed order.
func Kinds() []Kind {
	return []Kind{Kill, Freeze, Restart, Cut, Delay, Reset, DiskFull, Clock, Settings, Move, Rolling, Scale, Errors}
}

// Target is what a fault is done to: a part, or a role that a part has at that
// moment.
type Target string

// The targets. A service stands for one of its replicas.
const (
	Order     Target = "order"
	Payment   Target = "payment"
	Inventory Target = "inventory"

	OrdersLeader        Target = "leader of orders"
	PaymentsLeader      Target = "leader of payments"
	StockLeader         Target = "leader of stock"
	OrderTransactions   Target = "transaction coordinator of order"
	PaymentTransactions Target = "transaction coordinator of payment"
	OrderGroup          Target = "group coordinator of order"
	InventoryGroup      Target = "group coordinator of inventory"
	Controller          Target = "controller"
	OrderDatabase       Target = "database of order"
	PaymentDatabase     Target = "database of payment"
	InventoryDatabase   Target = "database of inventory"
	Registry            Target = "registry"
	Gateway             Target = "gateway"
	StateTopics         Target = "state topics"
	PositionTopics      Target = "position topics"
	Everything          Target = "everything"
)

var (
	services  = []Target{Order, Payment, Inventory}
	roles     = []Target{OrdersLeader, PaymentsLeader, StockLeader, OrderTransactions, PaymentTransactions, OrderGroup, InventoryGroup, Controller}
	databases = []Target{OrderDatabase, PaymentDatabase, InventoryDatabase}
	others    = []Target{Registry, Gateway}
	topics    = []Target{StateTopics, PositionTopics}
)

// lane is a sort of parts.
type lane int

const (
	serviceLane lane = iota
	brokerLane
	databaseLane
	otherLane
	wholeLane
)

var allLanes = []lane{serviceLane, brokerLane, databaseLane, otherLane, wholeLane}

func (t Target) lane() lane {
	switch {
	case slices.Contains(services, t):
		return serviceLane
	case slices.Contains(roles, t):
		return brokerLane
	case slices.Contains(databases, t):
		return databaseLane
	case slices.Contains(others, t):
		return otherLane
	}
	return wholeLane
}

// Sort names the sort of a target for tables.
func (t Target) Sort() string {
	return [...]string{"services", "brokers", "databases", "registry, gateway", "platform, topics"}[t.lane()]
}

// Targets are what a kind is done to; the result is the caller's own.
func (k Kind) Targets() []Target {
	switch k {
	case Kill, Freeze, Restart, Cut, Delay:
		return slices.Concat(services, roles, databases, others)
	case Reset, DiskFull:
		return slices.Clone(databases)
	case Clock:
		return slices.Concat(services, databases, []Target{OrdersLeader, OrderTransactions, Gateway})
	case Settings, Move:
		return slices.Clone(topics)
	case Scale:
		return slices.Clone(services)
	case Errors:
		return []Target{Gateway}
	default: // Rolling
		return []Target{Everything}
	}
}

// span is how long a fault may last.
type span struct{ least, most time.Duration }

// lasts says how long a kind lasts. A frozen service sleeps past the longest of
// its leases, the 30 seconds of an intent; the other parts past the sessions and
// requests of those who talk to them, of ten seconds at most.
func (k Kind) lasts(t Target) span {
	switch {
	case k == Freeze && t.lane() == serviceLane:
		return span{32 * time.Second, 38 * time.Second}
	case k == Freeze:
		return span{4 * time.Second, 14 * time.Second}
	case k == Restart, k == Rolling:
		return span{0, 0} // as long as it takes
	case k == Kill && t.lane() == brokerLane:
		return span{time.Second, 8 * time.Second} // before and after its session has ended
	case k == Kill:
		return span{200 * time.Millisecond, 4 * time.Second}
	case k == Scale:
		return span{4 * time.Second, 8 * time.Second}
	case k == Settings:
		return span{5 * time.Second, 10 * time.Second}
	case k == Move:
		return span{time.Second, 2 * time.Second}
	default: // Cut, Delay, Reset, DiskFull, Clock, Errors
		return span{3 * time.Second, 12 * time.Second}
	}
}
