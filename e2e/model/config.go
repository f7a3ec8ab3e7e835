package model

// Config says what is explored. The zero value of each field but Orders,
// Quantity and Stock is how the platform is meant to work.
type Config struct {
	// Orders is 1 or 2; all orders are equal.
	Orders int
	// Quantity of the one SKU that each order wants; Stock is there of it.
	Quantity, Stock int64
	// Free orders cost nothing.
	Free bool
	// Returns lets customers give back one unit, and then one more or all.
	Returns bool
	// WriteOff lets one unit of stock be written off, at any moment.
	WriteOff bool
	// Faults is how many of each kind may happen in one run.
	Faults Faults
	// Deadline says when an order's deadline may fire.
	Deadline Deadline
	// Workers says how the two consumers of the order service share a stream.
	Workers Workers
	// Gateway says how the payment service's calls are taken apart.
	Gateway Gateway
	// Relay explores the outbox, the position records and databases set back.
	Relay Relay
	// Flaws of the platform, to show that they are found.
	Flaws Flaws
	// Symmetry takes two states that differ only in which order is which for one.
	Symmetry bool
	// Functions are the decisions; nil means Real.
	Functions *Functions
}

// Faults counts what may happen, at any moment, in one run.
type Faults struct {
	// Abandoned calls to the gateway: a time-out, a lost answer or a crash. The
	// request is gone, or arrives whenever it likes.
	Abandoned uint8
	// Repeated requests: the network delivers one a second time, whenever.
	Repeated uint8
	// Executors that begin an intent which another one still executes.
	Executors uint8
	// Forgotten: the gateway forgets all idempotency keys.
	Forgotten uint8
	// Lapsed: the gateway gives up a hold by itself.
	Lapsed uint8
	// Replays: a consumer reads a topic from the beginning again.
	Replays uint8
	// Rebuilds: a service's state is rebuilt from its events, what it had
	// observed is lost, and it reads its topics from the beginning.
	Rebuilds uint8
}

// Deadline says when a deadline may fire.
type Deadline int

// When a deadline may fire: never, at any moment while the order waits, or once
// it is due and everything that was published until then has been read.
const (
	DeadlineNever Deadline = iota
	DeadlineAnytime
	DeadlineAfterInbox
)

// Workers says how two workers observe one stream.
type Workers int

// One commit is one step; or it is two, loading with the stream's lock until
// the commit; or without the lock, each worker storing its own observation.
const (
	WorkersAtomic Workers = iota
	WorkersLocked
	WorkersUnlocked
)

// Gateway says how fine a call to the gateway is taken apart.
type Gateway int

// Asking, each request's arrival and the recording are steps of their own; or
// the three are one.
const (
	GatewaySteps Gateway = iota
	GatewayAtomic
)

// Relay says what of the relay is explored.
type Relay struct {
	// Crashes of a service between publishing and deleting.
	Crashes uint8
	// Explicit makes publishing, its position record and the deletion of the
	// published row steps of their own.
	Explicit bool
	// Restores is how many times a database may be set back to a copy of it.
	Restores uint8
	// Unheard sets the payment service's database back although the gateway did
	// something since the copy. If nothing was published since, no detection by
	// the log can see it.
	Unheard bool
	// Detect says what a service does about it when it starts.
	Detect Detect
	// Late lets a restarted order service take requests before it has looked.
	Late bool
}

// Detect is how a database that is older than its topics is noticed.
type Detect int

// By nothing; by the number of the last batch, of which the log may be one
// ahead; by the rows too, which that batch must find in the outbox under their
// names; or by the contents of these rows.
const (
	DetectNothing Detect = iota
	DetectBatch
	DetectRows
	DetectContents
)

// Flaws are defects outside of the domains, each of which the design rules out.
type Flaws struct {
	NoReactAfterOutcome bool // what was seen during a gateway call is not looked at again
	TimeoutIsRefusal    bool // a call that is not answered counts as refused
	BlindRefund         bool // a refund is repeated without asking whether it was made
	CreateHolds         bool // one request creates and holds; voiding what is unknown finds nothing
	ShortKeys           bool // idempotency keys expire while their requests are under way
	TornIntents         bool // intents are written in a commit of their own
	PositionFirst       bool // the position is committed before the effects
	DeadlineUnread      bool // a deadline fires when it is due, whatever waits to be read
	ReusedRows          bool // rows are named by a sequence that is used again
	UnnamedRefusal      bool // a refusal is recorded without the command that was refused
	UncheckedStock      bool // what is available is read before the stock is locked
}
