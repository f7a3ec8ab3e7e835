//go:build e2e

package hop

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/inbox"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

type handler func(ctx context.Context, tx eventstore.Tx, unit *eventstore.Unit, records []inbox.Record) error

func (h handler) Handle(ctx context.Context, tx eventstore.Tx, unit *eventstore.Unit, records []inbox.Record) error {
	return h(ctx, tx, unit, records)
}

// note adds the value of each record to the list of its key. Nothing in it notices a
// record that comes twice: that is what the inbox is for.
func note(ctx context.Context, tx eventstore.Tx, unit *eventstore.Unit, records []inbox.Record) error {
	for _, rec := range records {
		id := orderID(string(rec.Key))
		rows, err := tx.Load(ctx, id)
		if err != nil {
			return err
		}
		if len(unit.Changes) == 0 {
			unit.Changes = append(unit.Changes, eventstore.Change{Stream: id, Expected: rows[0].Version, State: rows[0].State, Observed: rows[0].Observed})
		}
		unit.Changes[0].Observed = append(append(unit.Changes[0].Observed, ' '), rec.Value...)
	}
	return nil
}

// readers is a rig for inboxes, which handle records of one key.
type readers struct {
	*rig
	producer *kafka.Producer
	sent     int64 // the records 1, 2, … are committed
}

const key = "k"

func newReaders(t *testing.T) *readers {
	t.Helper()
	r := newRig(t)
	p, err := kafka.NewProducer(r.client, kafka.ProducerConfig{TransactionalID: r.orders})
	r.must(err)
	r.must(p.Init(r.ctx))
	return &readers{rig: r, producer: p}
}

// commit makes the values visible in one transaction.
func (r *readers) commit(topic string, values ...string) {
	r.t.Helper()
	r.must(r.begin(topic, values...).Commit(r.ctx))
	r.settled(topic)
}

func (r *readers) abort(values ...string) {
	r.t.Helper()
	r.must(r.begin(r.orders, values...).Abort(r.ctx))
	r.settled(r.orders)
}

func (r *readers) begin(topic string, values ...string) *kafka.Txn {
	r.t.Helper()
	txn, err := r.producer.Begin()
	r.must(err)
	records := make([]kafka.Record, len(values))
	for i, v := range values {
		records[i] = kafka.Record{Topic: topic, Key: []byte(key), Value: []byte(v)}
	}
	r.must(txn.Produce(r.ctx, records...))
	return txn
}

// send commits the next n numbers in one transaction.
func (r *readers) send(n int) {
	r.t.Helper()
	var values []string
	for range n {
		r.sent++
		values = append(values, strconv.FormatInt(r.sent, 10))
	}
	r.commit(r.orders, values...)
}

// reader is an inbox that runs.
type reader struct {
	*inbox.Inbox
	*running
}

// reader starts one in a group of its own, which no rebalance reaches: it owns every
// partition as long as it lives, beside all others.
func (r *rig) reader(store inbox.Store, handle handler, batch int, topics ...string) *reader {
	r.t.Helper()
	in, err := inbox.New(
		inbox.Config{Group: name("group"), Topics: topics, BatchRecords: batch, RetryInitial: poll, RetryMax: 10 * poll},
		inbox.Deps{
			Store: store, Client: r.connect(all.Kafka.Addresses()), Handler: handle,
			Decode: func(context.Context, kafka.Record) (any, error) { return nil, nil },
		})
	r.must(err)
	return &reader{in, r.run(in.Run)}
}

// caughtUp waits until everything that is committed was handled.
func (r *rig) caughtUp(by *reader) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	if err := by.CaughtUp(ctx, time.Now()); err != nil {
		r.t.Fatalf("did not come about: everything was handled: %v; %+v", err, by.Status())
	}
}

// check fails the test unless every number took effect once, in order.
func (r *readers) check(when string) {
	r.t.Helper()
	row, err := r.store.Stream(r.ctx, orderID(key))
	r.must(err)
	var effects []int64
	for value := range strings.FieldsSeq(string(row.Observed)) {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			r.t.Fatalf("%s: %q took effect", when, value)
		}
		effects = append(effects, n)
	}
	if faults := compare("effects", effects, r.sent); len(faults) > 0 {
		r.t.Fatalf("%s: %s", when, strings.Join(faults, "; "))
	}
}
