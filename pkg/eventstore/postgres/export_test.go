package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// CloseWithin is Close with another bound for what is under way.
func CloseWithin(s *Store, grace time.Duration) error {
	s.grace = grace
	return s.Close()
}

// UnitSetting is a setting of the sessions that commit units.
func UnitSetting(ctx context.Context, s *Store, name string) (value string, err error) {
	err = s.units.QueryRow(ctx, `SELECT current_setting($1)`, name).Scan(&value)
	return value, err
}

// Reads is the pool of everything but units.
func Reads(s *Store) *pgxpool.Pool { return s.reads }

// NotifyEvery is the least time between two notifications.
const NotifyEvery = notifyEvery

// MigrationLock is the advisory lock of migrations.
const MigrationLock = migrationLock
