package postgres

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	// storeTable records which of the store's own migrations were applied.
	storeTable = "store_schema"
	// migrationLock is the advisory lock that one migration of a database at a
	// time holds; the number means nothing.
	migrationLock = 0x6d75726d7572
	// lockRetry is how often the lock is tried. Waiting in the server would hold
	// a snapshot, which CREATE INDEX CONCURRENTLY waits for.
	lockRetry = 100 * time.Millisecond
	// ddlLockTimeout is how long a migration waits for a table: everybody else
	// queues up behind it meanwhile.
	ddlLockTimeout = 10 * time.Second
)

// schema is one sequence of migrations with the table that counts them.
type schema struct {
	table  string
	files  fs.FS
	target int64
}

// targets returns the store's own schema and those of the service.
func targets(service []fs.FS) ([]schema, error) {
	own, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	all := []schema{{table: storeTable, files: own}}
	for i, files := range service {
		all = append(all, schema{table: fmt.Sprintf("service_schema_%d", i+1), files: files})
	}
	for i := range all {
		names, err := fs.Glob(all[i].files, "*.sql")
		if err != nil {
			return nil, fmt.Errorf("read the migrations of %s: %w", all[i].table, err)
		}
		for _, name := range names {
			version, err := goose.NumericComponent(name)
			if err != nil {
				return nil, fmt.Errorf("read the migrations of %s: %w", all[i].table, err)
			}
			all[i].target = max(all[i].target, version)
		}
	}
	return all, nil
}

// Migrate brings the schema of a database up to date, as the role of url. Of
// several processes that call it at once one does, and the others wait, until
// ctx ends. It is for a role that owns the tables; what is up to date already
// is left alone. Errors: ErrSchemaMismatch when a migration is refused or
// wrong, ErrUnusable when the server refuses the user, the password or the
// database, anything else may be worth another try.
func Migrate(ctx context.Context, url string, service ...fs.FS) error {
	return MigrateFor(ctx, url, "", service...)
}

// MigrateFor is Migrate, and gives the role that serviceURL names the rights that
// a service needs, and no others: to the rows of what the role of url owns in its
// schema. It gives none where the two are one role, or serviceURL is empty.
func MigrateFor(ctx context.Context, url, serviceURL string, service ...fs.FS) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("migrate database: %w", unusable(err))
		}
	}()
	role, err := roleOf(serviceURL)
	if err != nil {
		return err
	}
	all, err := targets(service)
	if err != nil {
		return err
	}
	c, err := connConfig(url)
	if err != nil {
		return err
	}
	c.RuntimeParams["lock_timeout"] = fmt.Sprint(ddlLockTimeout.Milliseconds())
	db := stdlib.OpenDB(*c)
	defer func() { err = errors.Join(err, db.Close()) }()
	unlock, err := lockMigrations(ctx, db)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	for _, s := range all {
		if err := s.up(ctx, db); err != nil {
			return fmt.Errorf("%s: %w", s.table, err)
		}
	}
	_, err = db.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ('store_epoch', $1)
		ON CONFLICT (name) DO NOTHING`, rand.Text())
	if err != nil || role == "" {
		return err
	}
	return grant(ctx, db, role, all)
}

// lockMigrations waits for the lock and holds it until unlock.
func lockMigrations(ctx context.Context, db *sql.DB) (unlock func() error, err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(lockRetry)
	defer tick.Stop()
	for {
		var locked bool
		if err := conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock($1)`, migrationLock).Scan(&locked); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		if locked {
			return func() error {
				_, err := conn.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, migrationLock)
				return errors.Join(err, conn.Close())
			}, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("wait for another migration: %w", context.Cause(ctx)), conn.Close())
		}
	}
}

func (s schema) up(ctx context.Context, db *sql.DB) error {
	p, err := goose.NewProvider(goose.DialectPostgres, db, s.files,
		goose.WithTableName(s.table), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("%w: %w", eventstore.ErrSchemaMismatch, err)
	}
	if _, err := p.Up(ctx); err != nil {
		return refusal(err)
	}
	return nil
}

// refusal marks an answer that another try will get again.
func refusal(err error) error {
	if refused(err) {
		return fmt.Errorf("%w: %w", eventstore.ErrSchemaMismatch, err)
	}
	return err
}

// refused tells an answer that another try will get again from a server that
// was busy, starting or gone.
func refused(err error) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code[:2] {
	case "08", "40", "53", "55", "57", "58":
		return false
	}
	return true
}

// migrateIfBehind spares a role that may not make tables, and a database that is
// up to date, the attempt.
func migrateIfBehind(ctx context.Context, url string, service []fs.FS) error {
	behind, may, err := look(ctx, url, service)
	switch {
	case err != nil:
		return fmt.Errorf("open database: %w", err)
	case behind == nil:
		return nil
	case !may:
		return fmt.Errorf("open database: %w; and this role may not make tables", behind)
	}
	err = Migrate(ctx, url, service...)
	if code(err) == noPrivilege {
		return fmt.Errorf("open database: %w; and this role may not change that: %w", behind, err)
	}
	return err
}

// look tells whether the schema is behind, and whether the role of url may make
// tables in it.
func look(ctx context.Context, url string, service []fs.FS) (behind error, may bool, err error) {
	all, err := targets(service)
	if err != nil {
		return nil, false, err
	}
	c, err := connConfig(url)
	if err != nil {
		return nil, false, err
	}
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return nil, false, failure(ctx, err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	behind = compare(all, func(dest ...any) error { return conn.QueryRow(ctx, versionQuery(all)).Scan(dest...) })
	if behind == nil {
		return nil, false, nil
	}
	if !errors.Is(behind, eventstore.ErrNotMigrated) {
		return nil, false, behind
	}
	err = conn.QueryRow(ctx, `SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)`).Scan(&may)
	return behind, may, failure(ctx, err)
}

// versionQuery selects, for each schema, its version and the oldest program
// that it serves, and whether there is an epoch.
func versionQuery(all []schema) string {
	var q strings.Builder
	q.WriteString(`SELECT EXISTS (SELECT FROM meta WHERE name = 'store_epoch')`)
	for _, s := range all {
		fmt.Fprintf(&q, `, coalesce((SELECT max(version_id) FROM %[1]s WHERE is_applied), 0),
			coalesce((SELECT value::bigint FROM meta WHERE name = '%[1]s.oldest'), 0)`, s.table)
	}
	return q.String()
}

// undefinedTable is what PostgreSQL calls a table that is not there, or that the
// role may not see, and noPrivilege one that it may not use.
const (
	undefinedTable = "42P01"
	noPrivilege    = "42501"
)

// compare runs versionQuery and returns ErrSchemaMismatch if the database does not
// fit, as ErrNotMigrated where a migration helps: it also gives the rights to look.
func compare(all []schema, scan func(dest ...any) error) error {
	var epoch bool
	found := make([]struct{ version, oldest int64 }, len(all))
	dest := []any{&epoch}
	for i := range found {
		dest = append(dest, &found[i].version, &found[i].oldest)
	}
	err := scan(dest...)
	switch code(err) {
	case undefinedTable, noPrivilege:
		return fmt.Errorf("%w: %w", eventstore.ErrNotMigrated, err)
	}
	if err != nil {
		return err
	}
	for i, s := range all {
		switch f := found[i]; {
		case f.version < s.target:
			return fmt.Errorf("%w: %s is at version %d, this program needs %d: migrate it first", eventstore.ErrNotMigrated, s.table, f.version, s.target)
		case f.oldest > s.target:
			return fmt.Errorf("%w: %s is at version %d and serves programs from version %d on, this one knows %d: run a newer program",
				eventstore.ErrSchemaMismatch, s.table, f.version, f.oldest, s.target)
		}
	}
	if !epoch {
		return fmt.Errorf("%w: there is no store epoch", eventstore.ErrNotMigrated)
	}
	return nil
}

// check compares the schema of the database with the program's.
func (s *Store) check(ctx context.Context) error {
	return compare(s.schemas, func(dest ...any) error { return s.reads.QueryRow(ctx, s.ready).Scan(dest...) })
}
