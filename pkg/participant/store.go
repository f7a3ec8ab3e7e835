package participant

import (
	"context"
	"fmt"
	"io/fs"
	"net/url"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/sqlite"
)

// parseDatabaseURL returns the driver's scheme and what the driver opens.
func parseDatabaseURL(raw string) (scheme, target string, err error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", "", fmt.Errorf("DATABASE_URL cannot be read: expected sqlite:///path/file.db") // the URL may hold a password
	}
	if u.Scheme == "sqlite" {
		if u.Path == "" || u.Host != "" {
			return "", "", fmt.Errorf("DATABASE_URL needs an absolute path: sqlite:///path/file.db")
		}
		return u.Scheme, u.Path, nil
	}
	return "", "", fmt.Errorf("DATABASE_URL has scheme %q: expected sqlite", u.Scheme)
}

// OpenStore opens, and if need be migrates, the database of a service.
// migrations add the service's own read models.
func OpenStore(ctx context.Context, databaseURL string, migrations fs.FS) (eventstore.Store, error) {
	_, target, err := parseDatabaseURL(databaseURL)
	if err != nil {
		return nil, err
	}
	cfg := sqlite.Config{Path: target}
	if migrations != nil {
		cfg.Migrations = []fs.FS{migrations}
	}
	store, err := sqlite.Open(ctx, cfg)
	if err != nil {
		return nil, err // not the driver's nil, which would be a Store
	}
	return store, nil
}
