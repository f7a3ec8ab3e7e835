package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// Lease returns who holds a lease.
func (s *Store) Lease(ctx context.Context, name string) (l eventstore.LeaseState, err error) {
	err = s.each(ctx, func(r *sql.Rows) error { return r.Scan(&l.Owner, &l.Counter) },
		`SELECT owner, counter FROM leases WHERE name = $1`, name)
	if err != nil {
		return eventstore.LeaseState{}, fmt.Errorf("read lease %s: %w", name, err)
	}
	return l, nil
}

// SwapLease takes or renews a lease by compare-and-set.
func (s *Store) SwapLease(ctx context.Context, name string, from eventstore.LeaseState, owner string) (eventstore.LeaseState, error) {
	if s.writer == nil {
		return eventstore.LeaseState{}, ErrReadOnly
	}
	next := eventstore.LeaseState{Owner: owner, Counter: from.Counter + 1}
	err := s.writer.do(ctx, func(c *conn, _ *group) error {
		stored := int64(0)
		err := c.query(`SELECT counter FROM leases WHERE name = ?`, func(v []driver.Value) { stored = integer(v[0]) }, name)
		if err != nil {
			return err
		}
		if stored != from.Counter {
			return &eventstore.ConflictError{What: "lease " + name, Expected: from.Counter, Actual: stored}
		}
		_, err = c.exec(`REPLACE INTO leases (name, owner, counter) VALUES (?, ?, ?)`, name, owner, next.Counter)
		return err
	})
	if err != nil {
		return eventstore.LeaseState{}, fmt.Errorf("swap lease %s: %w", name, err)
	}
	return next, nil
}
