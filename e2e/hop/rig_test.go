//go:build e2e

package hop

import (
	"context"
	"crypto/rand"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/outbox"
)

// rig is what one test has to itself: a database, topics, and what it has committed.
type rig struct {
	t                 *testing.T
	ctx               context.Context
	url               string          // of the database
	store             *postgres.Store // which nothing happens to
	client            *kafka.Client
	orders, positions string

	versions map[string]int64 // committed, by stream
}

func newRig(t *testing.T) *rig {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	r := &rig{t: t, ctx: ctx, orders: name("orders"), positions: name("positions"), versions: map[string]int64{}}
	var err error
	r.url, err = all.Database(ctx, name("hop"))
	r.must(err)
	r.store = r.open()
	r.client = r.connect(all.Kafka.Addresses())
	r.create(kafka.TopicSpec{Name: r.orders, Partitions: 1}, outbox.PositionsTopic(r.positions))
	return r
}

// name makes a name that nothing has.
func name(prefix string) string { return prefix + "_" + strings.ToLower(rand.Text()[:10]) }

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// open makes connections of one process to the database.
func (r *rig) open() *postgres.Store {
	r.t.Helper()
	s, err := postgres.Open(r.ctx, postgres.Config{URL: r.url, Migrate: true})
	r.must(err)
	r.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			r.t.Error(err)
		}
	})
	return s
}

func (r *rig) connect(brokers []string) *kafka.Client {
	r.t.Helper()
	c, err := kafka.NewClient(kafka.Config{Brokers: brokers})
	r.must(err)
	r.t.Cleanup(c.Close)
	return c
}

func (r *rig) create(topics ...kafka.TopicSpec) {
	r.t.Helper()
	_, err := r.client.ApplyTopics(r.ctx, topics...)
	r.must(err)
	r.must(r.client.VerifyTopics(r.ctx, topics...))
}

// eventually fails the test if ok does not come about; why tells what it was about.
func (r *rig) eventually(why func() string, ok func() bool) {
	r.t.Helper()
	if err := r.until(ok); err != nil {
		r.t.Fatalf("did not come about: %s", why())
	}
}

// until returns nil once ok is true.
func (r *rig) until(ok func() bool) error {
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

func say(s string) func() string { return func() string { return s } }

// within waits for a signal.
func (r *rig) within(what string, signal <-chan struct{}) {
	r.t.Helper()
	select {
	case <-signal:
	case <-time.After(patience):
		r.t.Fatalf("did not come about: %s", what)
	}
}

func orderID(id string) eventstore.StreamID { return eventstore.StreamID{Kind: "order", ID: id} }

// commit writes the next version of each stream as one unit of work.
func (r *rig) commit(streams ...string) {
	r.t.Helper()
	tx, err := r.store.Begin(r.ctx)
	r.must(err)
	defer tx.Rollback()
	ids := make([]eventstore.StreamID, len(streams))
	for i, s := range streams {
		ids[i] = orderID(s)
	}
	rows, err := tx.Load(r.ctx, ids...)
	r.must(err)
	var unit eventstore.Unit
	for _, row := range rows {
		version := strconv.FormatInt(row.Version+1, 10)
		unit.Changes = append(unit.Changes, eventstore.Change{
			Stream: row.ID, Expected: row.Version, State: []byte(version),
			Events: []eventstore.NewEvent{{Type: "Moved", Schema: 1, Data: []byte("{}")}},
			Record: &eventstore.Record{Topic: r.orders, Key: row.ID.ID, Value: []byte(version)},
		})
	}
	r.must(tx.Commit(r.ctx, unit))
	for _, row := range rows {
		r.versions[row.ID.ID] = row.Version + 1
	}
}
