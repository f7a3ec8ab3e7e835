package participant

import (
	"context"
	"fmt"
	"io/fs"
	"net/url"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/sqlite"
)

const (
	schemeSQLite = "sqlite"
	// schemePostgres stands for both names that libpq takes.
	schemePostgres = "postgres"
	databaseURLs   = "sqlite:///path/file.db or postgres://user@host/database"
)

// parseDatabaseURL returns the driver's scheme and what the driver opens.
func parseDatabaseURL(raw string) (scheme, target string, err error) {
	return parseDatabase("DATABASE_URL", raw)
}

// parseDatabase is parseDatabaseURL for the setting of a name.
func parseDatabase(name, raw string) (scheme, target string, err error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", "", fmt.Errorf("%s cannot be read: expected %s", name, databaseURLs) // the URL may hold a password
	}
	switch u.Scheme {
	case schemeSQLite:
		if u.Path == "" || u.Host != "" {
			return "", "", fmt.Errorf("%s needs an absolute path: sqlite:///path/file.db", name)
		}
		return schemeSQLite, u.Path, nil
	case schemePostgres, "postgresql":
		if err := postgres.CheckURL(raw); err != nil {
			return "", "", fmt.Errorf("%s: %w", name, err)
		}
		return schemePostgres, raw, nil
	}
	return "", "", fmt.Errorf("%s has scheme %q: expected %s", name, u.Scheme, databaseURLs)
}

// OpenStore opens the database of a service, and migrates it if it is behind.
// Where that is done beforehand, by a role that owns the tables, the role in the
// URL needs no right to. migrations add the service's own read models.
func OpenStore(ctx context.Context, databaseURL string, migrations fs.FS) (eventstore.Store, error) {
	return openStore(ctx, databaseURL, migrations, true)
}

// openStore is OpenStore, which migrates a PostgreSQL database only where it is
// told to. A database in a file has one process, which always does.
func openStore(ctx context.Context, databaseURL string, migrations fs.FS, migrate bool) (eventstore.Store, error) {
	scheme, target, err := parseDatabaseURL(databaseURL)
	if err != nil {
		return nil, err
	}
	var service []fs.FS
	if migrations != nil {
		service = []fs.FS{migrations}
	}
	if scheme == schemePostgres {
		s, err := postgres.Open(ctx, postgres.Config{URL: target, Migrations: service, Migrate: migrate})
		if err != nil {
			return nil, err // no Store that is not nil but holds none
		}
		return s, nil
	}
	s, err := sqlite.Open(ctx, sqlite.Config{Path: target, Migrations: service})
	if err != nil {
		return nil, err
	}
	return s, nil
}
