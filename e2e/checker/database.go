package checker

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"

	_ "modernc.org/sqlite" // reads the services' files
)

// Databases are the files of the services of a platform in one data folder.
func Databases(data string) map[string]string {
	files := make(map[string]string)
	for _, service := range []string{"order", "payment", "inventory"} {
		files[service] = filepath.Join(data, service+".db")
	}
	return files
}

// Event is one row of a service's event table.
type Event struct {
	Kind, ID  string
	Version   int64
	Type      string
	Published bool // the service says that a record of this version went out
}

// store is what one service's database says.
type store struct {
	service string
	events  []Event
	outbox  int // rows that wait to be published
	parked  []string
	owed    []string // intents other than deadlines
}

func open(file string) (*sql.DB, error) {
	return sql.Open("sqlite", "file:"+file+"?mode=ro&_pragma=busy_timeout(5000)")
}

func readStore(ctx context.Context, service, file string) (s store, err error) {
	db, err := open(file)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s.service = service
	rows, err := db.QueryContext(ctx, `SELECT kind, id, version, type, published FROM events ORDER BY kind, id, version`)
	if err != nil {
		return s, fmt.Errorf("%s: %w", file, err)
	}
	defer rows.Close()
	for rows.Next() {
		var e Event
		if err := rows.Scan(&e.Kind, &e.ID, &e.Version, &e.Type, &e.Published); err != nil {
			return s, err
		}
		s.events = append(s.events, e)
	}
	if err := rows.Err(); err != nil {
		return s, err
	}
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM outbox`).Scan(&s.outbox); err != nil {
		return s, err
	}
	if s.parked, err = texts(ctx, db, `SELECT topic || '/' || key || ': ' || reason FROM parked`); err != nil {
		return s, err
	}
	s.owed, err = texts(ctx, db, `SELECT key || ' (' || state || ', ' || attempts || ' attempts): ' || last_error FROM intents WHERE kind <> 'expire'`)
	return s, err
}

func texts(ctx context.Context, db *sql.DB, query string) ([]string, error) {
	rows, err := db.QueryContext(ctx, query)
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
