package topics

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/avro"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
	"github.com/murmuration-dev/murmuration/schemas"
)

// logs is a broker with the platform's topics, to write any history on.
type logs struct {
	t      *testing.T
	client *kafka.Client
}

func newLogs(t *testing.T) logs {
	client, err := kafka.NewClient(kafka.Config{Brokers: kafkatest.Start(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	for _, topic := range schemas.Topics() {
		if _, err := client.ApplyTopics(t.Context(), kafka.TopicSpec{Name: topic.Name, Partitions: topic.Partitions, Configs: topic.Configs}); err != nil {
			t.Fatal(err)
		}
	}
	return logs{t, client}
}

// write commits records in one transaction each, as relays may.
func (l logs) write(records ...kafka.Record) {
	l.t.Helper()
	p, err := kafka.NewProducer(l.client, kafka.ProducerConfig{TransactionalID: "test"})
	if err == nil {
		err = p.Init(l.t.Context())
	}
	for _, r := range records {
		var txn *kafka.Txn
		if err == nil {
			txn, err = p.Begin()
		}
		if err == nil {
			err = txn.Produce(l.t.Context(), r)
		}
		if err == nil {
			err = txn.Commit(l.t.Context())
		}
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l logs) story(id string, options Options) (Story, error) {
	decoder, err := NewDecoder(nil, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	return ReadStory(l.t.Context(), l.client, decoder, id, options)
}

var begin = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// at is a record of a stream, so many milliseconds after the beginning.
func at(t *testing.T, millis int, topic string, version int64, event, cause string, value interface{ Avro() map[string]any }) kafka.Record {
	t.Helper()
	declared, _ := schemas.ByName(topic)
	encoder, err := avro.NewEncoder(declared.Schema, 1)
	if err != nil {
		t.Fatal(err)
	}
	framed, err := encoder.Encode(value.Avro())
	if err != nil {
		t.Fatal(err)
	}
	kind, id := strings.TrimSuffix(topic, "s"), ""
	switch v := value.(type) {
	case schemas.Order:
		id = v.OrderID
	case schemas.Payment:
		id = v.OrderID
	case schemas.Reservation:
		id = v.OrderID
	case schemas.Stock:
		id = v.SKU
	}
	envelope := aggregate.Envelope{Source: "/services/" + declared.Owner, TypePrefix: "com.murmuration." + declared.Owner + "."}
	r := kafka.Record{Topic: topic, Partition: kafka.AnyPartition, Key: []byte(id), Value: framed}
	meta := eventstore.Meta{At: begin.Add(time.Duration(millis) * time.Millisecond).UnixMicro(), Correlation: "c", Causation: cause}
	for _, h := range envelope.Headers(eventstore.StreamID{Kind: kind, ID: id}, version, event, meta) {
		r.Headers = append(r.Headers, kafka.Header{Key: h.Key, Value: []byte(h.Value)})
	}
	return r
}

func order(version int64, status schemas.OrderStatus) schemas.Order {
	return schemas.Order{
		OrderID: "o/1", Version: version, Status: status, Currency: "GBP", Total: 500, PlacedAt: begin, UpdatedAt: begin,
		Lines: []schemas.OrderLine{{Line: 1, SKU: "MUG", Quantity: 2, Amount: 500, Kind: schemas.LineGoods}},
	}
}

func payment(version int64, status schemas.PaymentStatus) schemas.Payment {
	return schemas.Payment{OrderID: "o/1", Version: version, Status: status, Currency: "GBP", Amount: 500, UpdatedAt: begin}
}

func reservation(version int64, status schemas.ReservationStatus) schemas.Reservation {
	return schemas.Reservation{OrderID: "o/1", Version: version, Status: status, UpdatedAt: begin, Lines: []schemas.ReservedLine{{Line: 1, SKU: "MUG", Quantity: 2}}}
}

func told(s Story) []string {
	out := make([]string, len(s.Steps))
	for i, step := range s.Steps {
		out[i] = fmt.Sprintf("%s %s %d", step.Service, step.Event, step.Version)
	}
	return out
}

// The clock of the payment service is three seconds behind, that of the
// inventory service ahead.
func TestStory_TellsCausesBeforeEffectsWhateverTheClocksSay(t *testing.T) {
	l := newLogs(t)
	l.write(
		at(t, 0, schemas.Orders, 1, "Placed", "request/c", order(1, schemas.OrderPlaced)),
		at(t, -3000, schemas.Payments, 4, "Authorized", "intent/o/1/authorize", payment(4, schemas.PaymentAuthorized)),
		at(t, 900, schemas.Reservations, 1, "Reserved", "order/o/1/1", reservation(1, schemas.ReservationReserved)),
		at(t, 30, schemas.Orders, 2, "Confirmed", "reservation/o/1/1", order(2, schemas.OrderConfirmed)),
		at(t, -2900, schemas.Payments, 6, "Captured", "order/o/1/2", payment(6, schemas.PaymentCaptured)),
		at(t, 950, schemas.Reservations, 2, "Committed", "order/o/1/2", reservation(2, schemas.ReservationCommitted)),
		at(t, 60, schemas.Orders, 3, "Completed", "payment/o/1/6", order(3, schemas.OrderCompleted)),
	)
	s, err := l.story("o/1", Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := told(s)
	for _, pair := range [][2]string{
		{"order Placed 1", "inventory Reserved 1"}, {"inventory Reserved 1", "order Confirmed 2"}, {"payment Authorized 4", "payment Captured 6"},
		{"order Confirmed 2", "payment Captured 6"}, {"order Confirmed 2", "inventory Committed 2"}, {"payment Captured 6", "order Completed 3"},
	} {
		if cause, effect := slices.Index(got, pair[0]), slices.Index(got, pair[1]); cause < 0 || effect < cause {
			t.Errorf("%s does not come before %s in %v", pair[0], pair[1], got)
		}
	}
	if len(got) != 7 || len(s.Gaps) != 0 || !s.PlacedAt.Equal(begin) || s.Order.Status != schemas.OrderCompleted {
		t.Errorf("story is %+v", s)
	}
}

func TestStory_SaysWhatCompactionRemoved(t *testing.T) {
	l := newLogs(t)
	l.write(
		at(t, 0, schemas.Payments, 6, "Captured", "order/o/1/2", payment(6, schemas.PaymentCaptured)),
		at(t, 0, schemas.Reservations, 2, "Committed", "order/o/1/2", reservation(2, schemas.ReservationCommitted)),
		at(t, 1, schemas.Orders, 3, "Completed", "payment/o/1/6", order(3, schemas.OrderCompleted)),
		at(t, 2, schemas.Orders, 5, "Returned", "request/d", order(5, schemas.OrderCompleted)),
	)
	s, err := l.story("o/1", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Gaps) != 3 {
		t.Fatalf("gaps are %+v", s.Gaps)
	}
	if g := s.Gaps[0]; g.Topic != schemas.Orders || !slices.Equal(g.Versions, []int64{1, 2, 4}) || !g.Certain || !strings.Contains(g.Detail, "version 1, 2, 4 of order o/1") {
		t.Errorf("gap is %+v", g)
	}
	for i, topic := range []string{schemas.Payments, schemas.Reservations} {
		if g := s.Gaps[i+1]; g.Topic != topic || !g.Certain || !strings.Contains(g.Detail, "what came before") {
			t.Errorf("gap is %+v", g)
		}
	}
}

// Versions of a payment count steps that nobody else sees, so a first record of
// version 4 is nothing to wonder about.
func TestStory_AccusesNothingThatIsComplete(t *testing.T) {
	l := newLogs(t)
	l.write(
		at(t, 0, schemas.Orders, 1, "Placed", "request/c", order(1, schemas.OrderPlaced)),
		at(t, 5, schemas.Orders, 2, "Cancelled", "request/d", order(2, schemas.OrderCancelled)),
		at(t, 6, schemas.Payments, 4, "Voided", "intent/o/1/void", payment(4, schemas.PaymentVoided)),
		at(t, 6, schemas.Reservations, 2, "Released", "order/o/1/2", reservation(2, schemas.ReservationReleased)),
	)
	s, err := l.story("o/1", Options{})
	if err != nil || len(s.Gaps) != 0 {
		t.Errorf("gaps are %+v, %v", s.Gaps, err)
	}
	l.write(at(t, 9, schemas.Orders, 4, "Returned", "request/e", order(4, schemas.OrderReturned)))
	s, err = l.story("o/1", Options{})
	if err != nil || len(s.Gaps) != 3 || s.Gaps[1].Certain || !strings.Contains(s.Gaps[1].Detail, "may have been") {
		t.Errorf("beside a gap that is certain, gaps are %+v, %v", s.Gaps, err)
	}
}

func TestStory_TakesTheStockThatTheOrderCaused(t *testing.T) {
	l := newLogs(t)
	stock := func(version, reserved int64) schemas.Stock {
		return schemas.Stock{SKU: "MUG", Version: version, OnHand: 9, Reserved: reserved, Available: 9 - reserved, UpdatedAt: begin}
	}
	l.write(
		at(t, 0, schemas.Orders, 1, "Placed", "request/c", order(1, schemas.OrderPlaced)),
		at(t, 0, schemas.StockLevels, 1, "StockReceived", "request/a", stock(1, 0)),
		at(t, 1, schemas.StockLevels, 2, "StockHeld", "order/o/1/1", stock(2, 2)),
		at(t, 2, schemas.StockLevels, 3, "StockHeld", "order/o/11/1", stock(3, 7)),
	)
	s, err := l.story("o/1", Options{Stock: true})
	if err != nil || len(s.Steps) != 2 {
		t.Fatalf("told %v, %v", told(s), err)
	}
	if what := s.Steps[1].What; what != "reserved 0 → 2, available 9 → 7" {
		t.Errorf("what is %q", what)
	}
}

func TestStory_ShowsWhatCannotBeDecodedAndWhatIsErased(t *testing.T) {
	l := newLogs(t)
	l.write(
		at(t, 0, schemas.Orders, 1, "Placed", "request/c", order(1, schemas.OrderPlaced)),
		kafka.Record{Topic: schemas.Payments, Partition: kafka.AnyPartition, Key: []byte("o/1"), Value: []byte("{}")},
		kafka.Record{Topic: schemas.Orders, Partition: kafka.AnyPartition, Key: []byte("o/1")},
	)
	s, err := l.story("o/1", Options{Stock: true})
	if err != nil || len(s.Steps) != 3 {
		t.Fatalf("told %v, %v", told(s), err)
	}
	var faults, erased int
	for _, step := range s.Steps {
		if step.Fault != "" {
			faults++
		}
		if step.Tombstone && step.What == "erased" {
			erased++
		}
	}
	if faults != 1 || erased != 1 {
		t.Errorf("steps are %+v", s.Steps)
	}
}

func TestStory_OfNobody(t *testing.T) {
	l := newLogs(t)
	l.write(at(t, 0, schemas.Orders, 1, "Placed", "request/c", order(1, schemas.OrderPlaced)))
	if _, err := l.story("o", Options{}); !errors.Is(err, ErrUnknownOrder) {
		t.Errorf("error is %v", err)
	}
}

func TestInOrder_EndsWhereCausesGoRound(t *testing.T) {
	var steps []Step
	for i := range 3 {
		steps = append(steps, Step{Entry: Entry{
			Topic: "t" + strconv.Itoa(i), Time: begin.Add(time.Duration(-i) * time.Second), EventID: strconv.Itoa(i), Causation: strconv.Itoa((i + 1) % 3),
		}})
	}
	if got := inOrder(steps); len(got) != 3 || got[0].EventID != "2" {
		t.Errorf("is %+v", got)
	}
}
