package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

//go:embed migrations/*.sql
var migrations embed.FS

// storeTable records which of the store's own migrations were applied.
const storeTable = "store_schema"

// schema is one sequence of migrations with the table that counts them.
type schema struct {
	table  string
	goose  *goose.Provider
	target int64
}

// schemas returns the store's own schema and those of the service.
func schemas(db *sql.DB, service []fs.FS) ([]schema, error) {
	own, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	all := []schema{{table: storeTable}}
	files := append([]fs.FS{own}, service...)
	for i := range service {
		all = append(all, schema{table: fmt.Sprintf("service_schema_%d", i+1)})
	}
	for i := range all {
		p, err := goose.NewProvider(goose.DialectSQLite3, db, files[i],
			goose.WithTableName(all[i].table), goose.WithDisableGlobalRegistry(true))
		if err != nil {
			return nil, fmt.Errorf("read the migrations of %s: %w", all[i].table, err)
		}
		all[i].goose = p
		for _, s := range p.ListSources() {
			all[i].target = max(all[i].target, s.Version)
		}
	}
	return all, nil
}

// migrate brings every schema up to date. A database that is newer than the
// program is left alone.
func migrate(ctx context.Context, db *sql.DB, all []schema) error {
	for _, s := range all {
		version, err := s.version(ctx, db)
		if err != nil {
			return err
		}
		if version > s.target {
			return s.mismatch(version)
		}
		if version == s.target {
			continue
		}
		if _, err := s.goose.Up(ctx); err != nil {
			var partial *goose.PartialError
			if errors.As(err, &partial) {
				return fmt.Errorf("%w: migrate %s: %w", eventstore.ErrSchemaMismatch, s.table, err)
			}
			return fmt.Errorf("migrate %s: %w", s.table, err)
		}
	}
	return nil
}

// check fails with ErrSchemaMismatch unless every schema is at the program's
// version.
func check(ctx context.Context, db *sql.DB, all []schema) error {
	for _, s := range all {
		version, err := s.version(ctx, db)
		if err != nil {
			return err
		}
		if version != s.target {
			return s.mismatch(version)
		}
	}
	return nil
}

// version is that of the last applied migration, or 0 for a new database.
func (s schema) version(ctx context.Context, db *sql.DB) (int64, error) {
	var exists bool
	err := db.QueryRowContext(ctx,
		`SELECT count(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = $1`, s.table).Scan(&exists)
	if err != nil || !exists {
		return 0, err
	}
	var version int64
	err = db.QueryRowContext(ctx,
		`SELECT coalesce(max(version_id), 0) FROM `+s.table+` WHERE is_applied = 1`).Scan(&version)
	return version, err
}

func (s schema) mismatch(version int64) error {
	if version > s.target {
		return fmt.Errorf("%w: %s of the database is at version %d, this program knows %d: run a newer program",
			eventstore.ErrSchemaMismatch, s.table, version, s.target)
	}
	return fmt.Errorf("%w: %s of the database is at version %d, this program needs %d: start the service once to migrate it",
		eventstore.ErrSchemaMismatch, s.table, version, s.target)
}
