package audit_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/cmd/murmur/audit"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/payment/gatewaysim"
)

const (
	partitions = 6
	topicID    = "AAAAAAAAAAAAAAAAAAAAAQ"
	epoch      = "epoch-1"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is a consistent platform by hand: what tests damage.
type world struct {
	audit.Snapshot
	next map[kafka.TopicPartition]int64
}

// newWorld has one order of each fate: "good" (completed), "back" (returned in
// part), "none" (cancelled, out of stock) and "poor" (cancelled, declined).
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{next: map[kafka.TopicPartition]int64{}, Snapshot: audit.Snapshot{
		At: noon.Add(time.Hour), Settled: true,
		Services: map[string]*audit.Service{}, Topics: map[string]*audit.TopicLog{},
		Orders: map[string]*audit.Stream[schemas.Order]{}, Payments: map[string]*audit.Stream[schemas.Payment]{},
		Reservations: map[string]*audit.Stream[schemas.Reservation]{}, Stock: map[string]*audit.Stream[schemas.Stock]{},
		Gateway: map[string][]gatewaysim.Entry{},
	}}
	for _, topic := range schemas.Topics() {
		log := audit.NewTopicLog(topic.Name, topic.Partitions)
		log.ID = topicID
		for p := range topic.Partitions {
			log.End[p], log.Stable[p] = 100, 100
		}
		w.Topics[topic.Name] = log
	}
	w.settle()
	w.orders()
	for _, name := range []string{schemas.OrderService, schemas.PaymentService, schemas.InventoryService} {
		w.Services[name] = service(name)
	}
	return w
}

func service(name string) *audit.Service {
	s := &audit.Service{
		Name: name, PositionTopic: name + "-positions",
		Relay: eventstore.RelayState{StoreEpoch: epoch, Batch: 4, PositionTopicID: topicID, PositionOffset: 7},
		Last:  &schemas.Position{Relay: name, StoreEpoch: epoch, Batch: 4}, LastOffset: 7,
	}
	read := map[string][]string{
		schemas.OrderService: {schemas.Payments, schemas.Reservations}, schemas.PaymentService: {schemas.Orders}, schemas.InventoryService: {schemas.Orders},
	}
	for _, topic := range read[name] {
		for p := range int32(partitions) {
			s.Positions = append(s.Positions, eventstore.Position{Topic: topic, Partition: p, TopicID: topicID, Next: 100})
		}
	}
	if name == schemas.OrderService {
		s.Last.Rows = []schemas.PublishedRow{{Kind: "order", ID: "good", Version: 3}}
	}
	return s
}

// settle puts 10 of "mug" in stock, of which orders take 2 + 3, and 1 comes back.
func (w *world) settle() {
	w.Stock["mug"] = &audit.Stream[schemas.Stock]{}
	level := schemas.Stock{SKU: "mug"}
	for _, next := range []func(*schemas.Stock){
		func(s *schemas.Stock) { s.Received, s.OnHand = 10, 10 },
		func(s *schemas.Stock) { s.Reserved = 5 },
		func(s *schemas.Stock) { s.Reserved, s.OnHand, s.Committed = 0, 5, 5 },
		func(s *schemas.Stock) { s.OnHand, s.Restocked = 6, 1 },
	} {
		level.Version++
		next(&level)
		level.Available, level.Event, level.UpdatedAt = level.OnHand-level.Reserved, "Moved", noon
		publish(w, schemas.StockLevels, w.Stock["mug"], "mug", level.Version, level)
	}
}

func (w *world) orders() {
	w.order("good", 2, 1000, schemas.OrderPlaced, schemas.OrderConfirmed, schemas.OrderCompleted)
	w.pay("good", 1000, 1000, 0, schemas.PaymentAuthorized, schemas.PaymentCaptured)
	w.reserve("good", 2, 0, schemas.ReservationReserved, schemas.ReservationCommitted)

	w.order("back", 3, 900, schemas.OrderPlaced, schemas.OrderConfirmed, schemas.OrderCompleted, schemas.OrderCompleted)
	o := w.Orders["back"].Record
	o.RefundDue, o.Lines[0].Returned = 300, 1
	w.pay("back", 900, 900, 300, schemas.PaymentAuthorized, schemas.PaymentCaptured, schemas.PaymentCaptured)
	w.reserve("back", 3, 1, schemas.ReservationReserved, schemas.ReservationCommitted, schemas.ReservationCommitted)

	w.order("none", 99, 100, schemas.OrderPlaced, schemas.OrderCancelled)
	w.pay("none", 100, 0, 0, schemas.PaymentAuthorized, schemas.PaymentVoided)
	w.reserve("none", 99, 0, schemas.ReservationRejected)

	w.order("poor", 1, 100, schemas.OrderPlaced, schemas.OrderCancelled)
	w.pay("poor", 100, 0, 0, schemas.PaymentDeclined)
	w.reserve("poor", 1, 0, schemas.ReservationReserved, schemas.ReservationReleased)

	for id, s := range w.Orders {
		s.Seen = audit.Seen{Payment: w.Payments[id].Head(), Reservation: w.Reservations[id].Head()}
		w.Payments[id].Seen.Order, w.Reservations[id].Seen.Order = s.Head(), s.Head()
	}
	w.write()
}

func (w *world) order(id string, quantity, total int64, statuses ...schemas.OrderStatus) {
	s := &audit.Stream[schemas.Order]{Version: int64(len(statuses)), Record: &schemas.Order{
		OrderID: id, Version: int64(len(statuses)), Event: "Happened", Status: statuses[len(statuses)-1], Currency: "GBP", Total: total,
		Lines:    []schemas.OrderLine{{Line: 1, SKU: "mug", Quantity: quantity, Amount: total, Kind: schemas.LineGoods}},
		PlacedAt: noon, UpdatedAt: noon,
	}}
	for v := range s.Version {
		s.Published = append(s.Published, v+1)
	}
	w.Orders[id] = s
}

// pay leaves a gap before each version, as a payment does while it asks the
// gateway.
func (w *world) pay(id string, amount, captured, refunded int64, statuses ...schemas.PaymentStatus) {
	s := &audit.Stream[schemas.Payment]{}
	for range statuses {
		s.Version += 2
		s.Published = append(s.Published, s.Version)
	}
	last := statuses[len(statuses)-1]
	s.Record = &schemas.Payment{
		OrderID: id, Version: s.Version, Event: "Happened", Status: last, Currency: "GBP", Amount: amount,
		Captured: captured, Refunded: refunded, GatewayPaymentID: "pi_" + id, UpdatedAt: noon,
	}
	w.Payments[id] = s
	e := gatewaysim.Entry{ID: "pi_" + id, OrderID: id, Currency: "GBP", Amount: amount, Captured: captured, Refunded: refunded, Status: "canceled"}
	if last != schemas.PaymentDeclined {
		e.Authorized, e.Confirms = amount, 1
	}
	if captured > 0 {
		e.Captures, e.Status = 1, "succeeded"
	}
	w.Gateway[id] = []gatewaysim.Entry{e}
}

func (w *world) reserve(id string, quantity, restocked int64, statuses ...schemas.ReservationStatus) {
	s := &audit.Stream[schemas.Reservation]{Version: int64(len(statuses)), Record: &schemas.Reservation{
		OrderID: id, Version: int64(len(statuses)), Event: "Happened", Status: statuses[len(statuses)-1], UpdatedAt: noon,
		Lines: []schemas.ReservedLine{{Line: 1, SKU: "mug", Quantity: quantity, Restocked: restocked}},
	}}
	for v := range s.Version {
		s.Published = append(s.Published, v+1)
	}
	w.Reservations[id] = s
}

// write puts a record for each published version into the logs. Only the last
// one has to say what the stream says.
func (w *world) write() {
	for id, s := range w.Orders {
		for _, v := range s.Published {
			r := *s.Record
			r.Lines = slices.Clone(r.Lines)
			r.Version = v
			w.add(schemas.Orders, id, v, r)
		}
	}
	for id, s := range w.Payments {
		for _, v := range s.Published {
			r := *s.Record
			r.Version = v
			w.add(schemas.Payments, id, v, r)
		}
	}
	for id, s := range w.Reservations {
		for _, v := range s.Published {
			r := *s.Record
			r.Lines = slices.Clone(r.Lines)
			r.Version = v
			w.add(schemas.Reservations, id, v, r)
		}
	}
}

// publish makes a version of a stream and its record.
func publish[R any](w *world, topic string, s *audit.Stream[R], id string, version int64, r R) {
	s.Version, s.Record, s.Published = version, &r, append(s.Published, version)
	w.add(topic, id, version, r)
}

// add puts a record into a log as its producer should.
func (w *world) add(topic, key string, version int64, value any) {
	w.addTo(topic, kafka.PartitionFor([]byte(key), partitions), key, strconv.FormatInt(version, 10), value, "")
}

func (w *world) addTo(topic string, partition int32, key, header string, value any, fault string) {
	tp := kafka.TopicPartition{Topic: topic, Partition: partition}
	w.Topics[topic].Add(audit.Entry{Partition: partition, Offset: w.next[tp], Key: key, Header: header, Value: value, Fault: fault})
	w.next[tp]++
}

// failed are the ids of the checks that did not pass, in order.
func failed(r audit.Report) []string {
	var out []string
	for _, c := range r.Checks {
		if c.State != audit.OK {
			out = append(out, c.ID)
		}
	}
	return out
}

func result(t *testing.T, r audit.Report, id string) audit.CheckResult {
	t.Helper()
	i := slices.IndexFunc(r.Checks, func(c audit.CheckResult) bool { return c.ID == id })
	if i < 0 {
		t.Fatalf("the report has no check %q", id)
	}
	return r.Checks[i]
}
