package audit

import (
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/payment/gatewaysim"
)

// Snapshot is all that an audit looks at. Values of records are kept only for
// the last record of each key, so it grows with keys and versions.
type Snapshot struct {
	// At is when the collection ended.
	At time.Time
	// Settled says that the snapshot is one cut. InFlight is empty then.
	Settled bool
	// InFlight is what was under way when the collection ended.
	InFlight []InFlight

	// Services by name, Topics by name.
	Services map[string]*Service
	Topics   map[string]*TopicLog
	// Declared says how topics differ from their declaration; empty when they do
	// not.
	Declared string

	Orders       map[string]*Stream[schemas.Order]
	Payments     map[string]*Stream[schemas.Payment]
	Reservations map[string]*Stream[schemas.Reservation]
	Stock        map[string]*Stream[schemas.Stock]

	// Gateway is the gateway's ledger by order id; nil when there is none to ask.
	Gateway map[string][]gatewaysim.Entry
	// Moving are the orders whose entries changed while they were read.
	Moving map[string]bool
}

// Stream is one stream as its service tells it, rebuilt from its events.
type Stream[R any] struct {
	Version int64
	// Published are the versions of which a record must be in the log, ascending.
	Published []int64
	// Record is what the last of these must say; nil without any.
	Record *R
	// Fault says how the state row differs from the events.
	Fault string
	// Seen are the latest versions of the others that the row has seen.
	Seen Seen
	// Asked is the gateway command in flight of a payment, or empty.
	Asked string
}

// Head is the version of the last record, 0 without any. It may be called on nil.
func (s *Stream[R]) Head() int64 {
	if s == nil || len(s.Published) == 0 {
		return 0
	}
	return s.Published[len(s.Published)-1]
}

// Seen are versions of foreign streams of one order, 0 where none was seen.
type Seen struct{ Order, Payment, Reservation int64 }

// Service is what a service says of itself as a whole.
type Service struct {
	Name      string
	Positions []eventstore.Position
	Relay     eventstore.RelayState
	// Waiting rows of the outbox, and when the oldest was written (µs).
	Waiting, Oldest int64
	Parked          []eventstore.Parked
	ParkedIntents   []eventstore.Intent
	Pending         []eventstore.Intent
	// PositionTopic is the topic of the relay's position records, and Last the
	// last one; nil without any.
	PositionTopic string
	Last          *schemas.Position
	LastOffset    int64
}

// InFlight is something that has still to happen by itself.
type InFlight struct {
	Service string `json:"service"`
	// What is "outbox", "inbox" or "intent".
	What string `json:"what"`
	// Subject is the partition or the intent; empty for an outbox.
	Subject string `json:"subject,omitempty"`
	// Count is how many rows, offsets or intents.
	Count int64 `json:"count"`
	// Since is when the oldest was written; zero when unknown.
	Since time.Time `json:"since,omitzero"`
	// Detail is for people: when it is due, how often it was tried.
	Detail string `json:"detail,omitempty"`
}

// reads are the topics that each service follows.
var reads = map[string][]string{
	schemas.OrderService:     {schemas.Payments, schemas.Reservations},
	schemas.PaymentService:   {schemas.Orders},
	schemas.InventoryService: {schemas.Orders},
}

// positionTopics are the topics of the relays' position records.
var positionTopics = map[string]string{
	schemas.OrderService:     schemas.OrderPositions,
	schemas.PaymentService:   schemas.PaymentPositions,
	schemas.InventoryService: schemas.InventoryPositions,
}

// Kinds of streams, as the services name them.
const (
	kindOrder       = "order"
	kindPayment     = "payment"
	kindReservation = "reservation"
	kindStock       = "stock"
)
