package model

// Kind is what kind of step is made.
type Kind uint8

// The kinds of steps. Progress are: placing, reading, asking, arriving,
// recording, publishing, deleting and recovering.
const (
	Place Kind = iota
	Cancel
	Return // B units
	Due
	Expire
	WriteOff
	PaymentReads   // record B of orders
	InventoryReads // record B of orders
	OrderReads     // record B of topic A
	OrderLoads     // record B of topic A, by that topic's worker
	OrderCommits   // the worker of topic A
	Ask            // executor A
	AskAgain       // executor A, beside another one
	Arrive         // executor A's request; B is 1 if the gateway refuses
	Answer         // executor A's whole call; B is 1 if the gateway refuses
	Record         // executor A
	Lose           // executor A's call is abandoned, its request is gone
	Delay          // executor A's call is abandoned, its request is still on its way
	Ignore         // executor A's answer is lost
	Repeat         // executor A's request will arrive once more
	ArriveLate     // late request A; B is 1 if the gateway refuses
	ForgetKeys     // at the gateway
	Lapse          // of a hold
	Replay         // of topic B by service A
	Rebuild        // of service A
	SkipEffects    // of record B by service A: planted
	WriteIntents   // planted
	LoseIntents    // planted
	Publish        // by service A
	Delete         // of the published row, by service A
	Crash          // of service A
	Recover        // of service A
	Copy           // of service A's database
	Restore        // of service A's database; B is 1 if its requests are gone
)

// Move is one step: what happened, to which order, and two numbers whose meaning
// depends on the kind.
type Move struct {
	Kind  Kind
	Order uint8
	A, B  uint8
}

func move(k Kind, i int, ab ...int) Move {
	m := Move{Kind: k, Order: uint8(i)}
	if len(ab) > 0 {
		m.A = uint8(ab[0])
	}
	if len(ab) > 1 {
		m.B = uint8(ab[1])
	}
	return m
}

// service is one of the three services, named by the topic it writes.
type service = topic

// What commits remembers the outcomes of.
const (
	byPlace uint8 = iota
	byCancel
	byReturn
	byExpire
	byOrderRead
	byPaymentRead
	byInventoryRead
	byRecord
	byWriteOff
	byAsk
	byArrival
	byLateArrival
	byDelay
	byForget
	byLapse
	byRebuild
)
