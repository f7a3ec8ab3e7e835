package checker

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	_ "github.com/jackc/pgx/v5/stdlib" // reads the services' PostgreSQL databases
	_ "modernc.org/sqlite"             // reads the services' files
)

// Store is the database of one service, of whichever kind. It is only read.
type Store interface {
	// Content is everything that the checks are about, at one moment.
	Content(ctx context.Context) (Content, error)
	// Pending is what the service has still to do.
	Pending(ctx context.Context) (Pending, error)
}

// Stores are the databases of a platform by service.
type Stores map[string]Store

// Event is one row of a service's event table.
type Event struct {
	Kind, ID  string
	Version   int64
	Type      string
	Published bool // the service says that a record of this version went out
}

// Pending is what waits in a store: rows to publish, and effects other than
// deadlines to carry out.
type Pending struct{ Rows, Intents int }

// Content is what one service's database says.
type Content struct {
	Events []Event
	Outbox int // rows that wait to be published
	Parked []string
	Owed   []string // intents other than deadlines
}

// Databases are the files of a platform in one data folder.
func Databases(data string) Stores {
	files := make(Stores)
	for _, service := range []string{"order", "payment", "inventory"} {
		files[service] = SQLite(filepath.Join(data, service+".db"))
	}
	return files
}

// SQLite is a store in a file.
func SQLite(file string) Store {
	return database{
		driver: "sqlite", source: "file:" + file + "?mode=ro&_pragma=busy_timeout(5000)", name: file,
		parked: `SELECT topic || '/' || key || ': ' || reason FROM parked`,
	}
}

// PostgreSQL is a store in the database that a URL names.
func PostgreSQL(url string) Store {
	return database{
		driver: "pgx", source: url, name: "PostgreSQL",
		parked: `SELECT topic || '/' || encode(key, 'escape') || ': ' || reason FROM parked`,
	}
}

// database is a store as database/sql reaches it. It is opened for each look, so
// that nothing is held while parts of a platform come and go.
type database struct{ driver, source, name, parked string }

// look runs read in one read-only snapshot.
func (d database) look(ctx context.Context, read func(*sql.Tx) error) (err error) {
	db, err := sql.Open(d.driver, d.source)
	if err != nil {
		return fmt.Errorf("%s: %w", d.name, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: d.isolation(), ReadOnly: true})
	if err != nil {
		return fmt.Errorf("%s: %w", d.name, err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	if err := read(tx); err != nil {
		return fmt.Errorf("%s: %w", d.name, err)
	}
	return nil
}

// isolation is what makes a transaction a snapshot; in SQLite each one is.
func (d database) isolation() sql.IsolationLevel {
	if d.driver == "pgx" {
		return sql.LevelRepeatableRead
	}
	return sql.LevelDefault
}

// Pending implements Store.
func (d database) Pending(ctx context.Context) (p Pending, err error) {
	err = d.look(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM outbox), (SELECT count(*) FROM intents WHERE kind <> 'expire')`).Scan(&p.Rows, &p.Intents)
	})
	return p, err
}

// Content implements Store.
func (d database) Content(ctx context.Context) (c Content, err error) {
	err = d.look(ctx, func(tx *sql.Tx) error {
		if c.Events, err = events(ctx, tx); err != nil {
			return err
		}
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM outbox`).Scan(&c.Outbox); err != nil {
			return err
		}
		if c.Parked, err = texts(ctx, tx, d.parked); err != nil {
			return err
		}
		c.Owed, err = texts(ctx, tx, `SELECT key || ' (' || state || ', ' || attempts || ' attempts): ' || last_error FROM intents WHERE kind <> 'expire'`)
		return err
	})
	return c, err
}

func events(ctx context.Context, tx *sql.Tx) ([]Event, error) {
	rows, err := tx.QueryContext(ctx, `SELECT kind, id, version, type, published FROM events ORDER BY kind, id, version`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Event
	for rows.Next() {
		var e Event
		var published int64
		if err := rows.Scan(&e.Kind, &e.ID, &e.Version, &e.Type, &published); err != nil {
			return nil, err
		}
		e.Published = published != 0
		out = append(out, e)
	}
	return out, rows.Err()
}

func texts(ctx context.Context, tx *sql.Tx, query string) ([]string, error) {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// names are the services in a fixed order.
func (s Stores) names() []string { return slices.Sorted(maps.Keys(s)) }
