//go:build e2e

package hop

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/inbox"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

// signal is closed once.
type signal struct {
	once sync.Once
	c    chan struct{}
}

func newSignal() *signal { return &signal{c: make(chan struct{})} }

func (s *signal) set() { s.once.Do(func() { close(s.c) }) }

func (s *signal) isSet() bool {
	select {
	case <-s.c:
		return true
	default:
		return false
	}
}

// observe adds a mark to what was observed of the stream of each record, and confirms
// it once both marks are there. loaded is called in between.
func (r *rig) observe(mark string, loaded func() error) handler {
	return func(ctx context.Context, tx eventstore.Tx, unit *eventstore.Unit, records []inbox.Record) error {
		id := orderID(string(records[0].Key))
		rows, err := tx.Load(ctx, id)
		if err != nil {
			return err
		}
		if err := loaded(); err != nil {
			return err
		}
		c := eventstore.Change{Stream: id, Expected: rows[0].Version, State: rows[0].State, Observed: append(rows[0].Observed, mark...)}
		if seen := string(c.Observed); strings.Contains(seen, "P") && strings.Contains(seen, "R") {
			c.State, c.Events = []byte("{}"), []eventstore.NewEvent{{Type: "Confirmed", Schema: 1, Data: []byte("{}")}}
			c.Record = &eventstore.Record{Topic: r.orders, Key: id.ID, Value: []byte("{}")}
		}
		unit.Changes = append(unit.Changes, c)
		return nil
	}
}

// Two replicas observe one order at the same moment: one that it is paid for, the
// other that its goods are reserved. Whoever comes second must see what the first
// saw, or nobody ever confirms it; no version tells, since observing is no event. The
// first holds its unit open until the second either waits for it or has read as well.
func TestInbox_TwoObservationsOfOneStreamSeeEachOther(t *testing.T) {
	for name, before := range map[string]string{"of an order that has no row yet": "", "of an order that is known": "-"} {
		t.Run(name, func(t *testing.T) {
			r := newReaders(t)
			if before != "" {
				r.know(before)
			}
			payments, reservations := r.orders+"_payments", r.orders+"_reservations"
			r.create(kafka.TopicSpec{Name: payments, Partitions: 1}, kafka.TopicSpec{Name: reservations, Partitions: 1})
			waiting := r.lockWaiters()
			first, second := newSignal(), newSignal()
			paid := r.reader(r.store, r.observe("P", func() error {
				if first.isSet() {
					return nil // handled again
				}
				first.set()
				return r.until(func() bool { return second.isSet() || waiting() > 0 })
			}), 0, payments)
			r.commit(payments, "AUTHORIZED")
			r.within("the first has read the order", first.c)
			reserved := r.reader(r.open(), r.observe("R", func() error { second.set(); return nil }), 0, reservations)
			r.commit(reservations, "RESERVED")
			r.caughtUp(paid)
			r.caughtUp(reserved)
			r.must(paid.stop())
			r.must(reserved.stop())
			row, err := r.store.Stream(r.ctx, orderID(key))
			r.must(err)
			rows, _, err := r.store.Backlog(r.ctx)
			r.must(err)
			if got, want := string(row.Observed), before+"PR"; got != want || row.Version != 1 || rows != 1 {
				t.Errorf("observed %q, want %q; confirmed %d times", got, want, rows)
			}
		})
	}
}

// know makes the order one that was observed before.
func (r *readers) know(observed string) {
	r.t.Helper()
	tx, err := r.store.Begin(r.ctx)
	r.must(err)
	defer tx.Rollback()
	_, err = tx.Load(r.ctx, orderID(key))
	r.must(err)
	r.must(tx.Commit(r.ctx, eventstore.Unit{Changes: []eventstore.Change{{Stream: orderID(key), Observed: []byte(observed)}}}))
}

// lockWaiters returns what counts the sessions that wait for a lock in the database;
// a failure counts as none.
func (r *rig) lockWaiters() func() int64 {
	r.t.Helper()
	conn, err := pgx.Connect(r.ctx, r.url)
	r.must(err)
	r.t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(r.ctx)) }) // nothing is left to be said on it
	return func() (n int64) {
		if err := conn.QueryRow(r.ctx, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n); err != nil {
			return 0
		}
		return n
	}
}
