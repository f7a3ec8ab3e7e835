package gatewaysim

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver of the ledger's file
)

const (
	ledgerFile = "ledger.db"
	// schemaVersion is stored in the file; there is no migration, because a
	// simulated ledger can be thrown away.
	schemaVersion = 1
	// cacheLimit bounds the payments kept in memory, about 30 MB.
	cacheLimit = 1 << 16
	// queueLimit bounds the requests waiting for the writer. Beyond it the gateway
	// answers 429, long before clients would time out.
	queueLimit = 4096
)

// ErrVersion is returned by [New] for a data directory that was written by an
// older or a newer version of this package, or by something else.
var ErrVersion = errors.New("ledger has another version")

var (
	errClosed = errors.New("ledger is closed")
	errBusy   = errors.New("too many requests are waiting for the ledger")
)

//go:embed schema.sql
var schema string

// ledger is the durable state. One goroutine owns the database connection and
// carries out everything that is asked of it; see commit.go.
type ledger struct {
	db   *sql.DB
	conn *sql.Conn
	stmt statements

	jobs     chan *job
	stop     chan struct{}
	stopped  chan struct{}
	stopOnce sync.Once
	closeErr error

	keyTTL     time.Duration
	now        func() time.Time
	lastExpiry time.Time

	mu    sync.RWMutex
	cache map[string]*payment // committed states only; the values never change
}

func openLedger(dir string, keyTTL time.Duration, now func() time.Time) (*ledger, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("create ledger directory: %w", err)
	}
	path := filepath.Join(dir, ledgerFile)
	l := &ledger{
		jobs: make(chan *job, queueLimit), stop: make(chan struct{}), stopped: make(chan struct{}),
		keyTTL: keyTTL, now: now, cache: make(map[string]*payment),
	}
	if err := l.open(path); err != nil {
		return nil, errors.Join(fmt.Errorf("open ledger %s: %w", path, err), l.closeDB())
	}
	go l.write()
	return l, nil
}

func (l *ledger) open(path string) (err error) {
	// The exclusive lock keeps a second process away from the file, whose cached
	// state would otherwise be wrong. FULL makes every commit wait for the disk.
	pragmas := url.Values{"_pragma": {
		"locking_mode(EXCLUSIVE)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)",
	}}
	file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath(), RawQuery: pragmas.Encode()}
	if l.db, err = sql.Open("sqlite", file.String()); err != nil {
		return err
	}
	l.db.SetMaxOpenConns(1)
	ctx := context.Background()
	if l.conn, err = l.db.Conn(ctx); err != nil {
		return fmt.Errorf("the file may be in use by another process: %w", err)
	}
	if err := l.prepareSchema(ctx); err != nil {
		return err
	}
	return l.stmt.prepare(ctx, l.conn)
}

func (l *ledger) prepareSchema(ctx context.Context) error {
	var version, tables int
	err := l.conn.QueryRowContext(ctx, `SELECT (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_master)`).
		Scan(&version, &tables)
	switch {
	case err != nil:
		return fmt.Errorf("read schema version: %w", err)
	case version == schemaVersion:
		return nil
	case version != 0 || tables != 0:
		return fmt.Errorf("%w: found %d, this program writes %d; use another directory or remove this one",
			ErrVersion, version, schemaVersion)
	}
	create := fmt.Sprintf("BEGIN IMMEDIATE;\n%s\nPRAGMA user_version = %d;\nCOMMIT;", schema, schemaVersion)
	if _, err := l.conn.ExecContext(ctx, create); err != nil {
		return fmt.Errorf("create schema: %w", err)
	}
	return nil
}

// cached returns the committed state of a payment if it is in memory.
func (l *ledger) cached(id string) (*payment, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	p, ok := l.cache[id]
	return p, ok
}

func (l *ledger) publish(payments map[string]*payment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, p := range payments {
		if _, known := l.cache[id]; !known && len(l.cache) >= cacheLimit {
			for victim := range l.cache {
				delete(l.cache, victim)
				break
			}
		}
		l.cache[id] = p
	}
}

// close ends the writer after the batch it is working on. What still waits is
// answered with errClosed.
func (l *ledger) close() error {
	l.stopOnce.Do(func() {
		close(l.stop)
		<-l.stopped
		l.closeErr = l.closeDB()
	})
	return l.closeErr
}

func (l *ledger) closeDB() error {
	var err error
	if l.conn != nil {
		err = errors.Join(l.stmt.close(), l.conn.Close())
	}
	if l.db != nil {
		err = errors.Join(err, l.db.Close())
	}
	return err
}
