package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// Lease returns who holds a lease.
func (s *Store) Lease(ctx context.Context, name string) (l eventstore.LeaseState, err error) {
	err = s.each(ctx, func(r pgx.Rows) error { return r.Scan(&l.Owner, &l.Counter) },
		`SELECT owner, counter FROM leases WHERE name = $1`, name)
	if err != nil {
		return eventstore.LeaseState{}, fmt.Errorf("read lease %s: %w", name, err)
	}
	return l, nil
}

const swapLeaseSQL = `INSERT INTO leases (name, owner, counter)
	SELECT $1::text, $2::text, $3::bigint + 1 WHERE $3::bigint = 0 OR EXISTS (SELECT FROM leases WHERE name = $1)
	ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, counter = excluded.counter
	WHERE leases.counter = excluded.counter - 1`

// SwapLease takes or renews a lease by compare-and-set.
func (s *Store) SwapLease(ctx context.Context, name string, from eventstore.LeaseState, owner string) (eventstore.LeaseState, error) {
	n, err := s.exec(ctx, swapLeaseSQL, name, owner, from.Counter)
	if err == nil && n == 0 {
		err = s.leaseConflict(ctx, name, from)
	}
	if err != nil {
		return eventstore.LeaseState{}, fmt.Errorf("swap lease %s: %w", name, lostOrder("lease "+name, err))
	}
	return eventstore.LeaseState{Owner: owner, Counter: from.Counter + 1}, nil
}

// leaseConflict looks who holds the lease.
func (s *Store) leaseConflict(ctx context.Context, name string, from eventstore.LeaseState) error {
	conflict := &eventstore.ConflictError{What: "lease " + name, Expected: from.Counter, Actual: -1}
	stored, err := s.Lease(ctx, name)
	if err != nil {
		return errors.Join(conflict, err)
	}
	conflict.Actual = stored.Counter
	return conflict
}
