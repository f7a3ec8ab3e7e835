package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	engine "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

const (
	// busyTimeout is how long a connection waits for another process, such as
	// a backup or the sqlite3 shell.
	busyTimeout = 5 * time.Second
	// writerCacheKB and readerCacheKB bound the pages each connection keeps.
	writerCacheKB = 8192
	readerCacheKB = 2048
	// defaultReaders is enough to keep a few cores busy with reads.
	defaultReaders = 4
	// closeGrace is how long Close waits for a unit under way; a caller that
	// forgot to end one must not keep the process from stopping.
	closeGrace = 5 * time.Second
)

// Config says where the database is. The zero value of every field but Path
// is a usable default.
type Config struct {
	// Path of the database file; its folder must exist. Beside it appear files
	// with the suffixes -wal, -shm and .lock.
	Path string
	// Migrations of the service's read models, as goose SQL files at the root
	// of each file system. Each has a version table of its own, by its place in
	// the list, which therefore must not change. TEXT, BIGINT and BYTEA are the
	// types that every driver takes.
	Migrations []fs.FS
	// Readers is the most queries that run at once; 4 if zero.
	Readers int
	// Now stamps outbox rows; time.Now if nil.
	Now func() time.Time
}

// Store is an eventstore.Store in one SQLite file.
type Store struct {
	path    string
	epoch   atomic.Value // string
	now     func() time.Time
	lock    *fileLock // nil when read-only
	writer  *writer   // nil when read-only
	readers *sql.DB
	schemas []schema
	grace   time.Duration // closeGrace, but in a test
	closed  atomic.Bool

	mu    sync.Mutex
	stmts map[string]*sql.Stmt // of the store's own reads
}

var (
	_ eventstore.Store        = (*Store)(nil)
	_ eventstore.EpochRenewer = (*Store)(nil)
)

// Open opens the database, creates or migrates it as needed, and holds a lock
// on it until Close. Errors: ErrInUse at once when another process or Store
// holds it, ErrSchemaMismatch when it is newer than this program, ErrUnusable
// when it is no database or a damaged one.
func Open(ctx context.Context, c Config) (*Store, error) {
	path, err := resolve(c.Path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", c.Path, err)
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	s, err := open(ctx, c, path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, unusable(err)), lock.unlock())
	}
	s.lock = lock
	return s, nil
}

// unusable marks the errors of a file that is no database, or one that is damaged:
// it will not become a good one by waiting.
func unusable(err error) error {
	var e *engine.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff { // the extended codes share the low byte
		case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
			return fmt.Errorf("%w: %w", eventstore.ErrUnusable, err)
		}
	}
	return err
}

func open(ctx context.Context, c Config, path string) (_ *Store, err error) {
	s := &Store{path: path, now: c.Now, grace: closeGrace, stmts: make(map[string]*sql.Stmt)}
	if s.now == nil {
		s.now = time.Now
	}
	if err := s.prepare(ctx, c.Migrations); err != nil {
		return nil, err
	}
	if err := s.openReaders(ctx, c); err != nil {
		return nil, err
	}
	if s.writer, err = openWriter(path, writerDSN(path)); err != nil {
		return nil, errors.Join(err, s.readers.Close())
	}
	return s, nil
}

// prepare migrates the database over a connection of its own.
func (s *Store) prepare(ctx context.Context, service []fs.FS) (err error) {
	db, err := sql.Open("sqlite", writerDSN(s.path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	all, err := schemas(db, service)
	if err != nil {
		return err
	}
	if err := migrate(ctx, db, all); err != nil {
		return err
	}
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return err
	}
	if _, err = db.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ('store_epoch', $1)
		ON CONFLICT (name) DO NOTHING`, hex.EncodeToString(id)); err != nil {
		return err
	}
	return releaseLeases(ctx, db)
}

// releaseLeases takes from the dead what they hold: whoever has the lock on the
// file knows that no other owner of a lease or an intent is alive, so nothing has
// to wait until its time is over.
func releaseLeases(ctx context.Context, db *sql.DB) error {
	_, err := db.ExecContext(ctx, `UPDATE leases SET owner = '', counter = counter + 1 WHERE owner <> '';
		UPDATE intents SET owner = '', leased_until = 0 WHERE leased_until > 0 AND state = 'pending'`)
	return err
}

// OpenReadOnly opens the database for looking, beside a running service or
// without one. Methods that write return ErrReadOnly; Committed and
// IntentsChanged receive nothing. service are the migrations of the read
// models, or none, in which case their version is not checked.
func OpenReadOnly(ctx context.Context, path string, service ...fs.FS) (*Store, error) {
	resolved, err := resolve(path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if _, err := os.Stat(resolved); err != nil {
		return nil, err
	}
	s := &Store{path: resolved, now: time.Now, stmts: make(map[string]*sql.Stmt)}
	if err := s.openReaders(ctx, Config{Migrations: service}); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return s, nil
}

func (s *Store) openReaders(ctx context.Context, c Config) (err error) {
	db, err := sql.Open("sqlite", dsn(s.path, "ro", readerCacheKB, "query_only(1)"))
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	readers := c.Readers
	if readers == 0 {
		readers = defaultReaders
	}
	db.SetMaxOpenConns(readers)
	db.SetMaxIdleConns(readers)
	if s.schemas, err = schemas(db, c.Migrations); err != nil {
		return err
	}
	if err := check(ctx, db, s.schemas); err != nil {
		return err
	}
	s.readers = db
	var epoch string
	err = db.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = 'store_epoch'`).Scan(&epoch)
	s.epoch.Store(epoch)
	return err
}

// Close waits for units under way, at most a few seconds, and releases the
// database. Calls after it, and those that still wait for their turn, return
// ErrClosed. Closing twice is allowed.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	var errs []error
	if s.writer != nil {
		s.writer.drain(s.grace)
	}
	// The writer goes last: it is the one that can fold the log into the file.
	errs = append(errs, s.readers.Close())
	if s.writer != nil {
		errs = append(errs, s.writer.close(), s.lock.unlock())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close %s: %w", s.path, err)
	}
	return nil
}

// resolve names the file itself, so that two ways to write a path lead to one
// lock.
func resolve(path string) (string, error) {
	if path == "" {
		return "", errors.New("path is empty")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if resolved, err := filepath.EvalSymlinks(abs); err == nil {
		return resolved, nil
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, filepath.Base(abs)), nil
}

func writerDSN(path string) string {
	return dsn(path, "rwc", writerCacheKB, "journal_mode(WAL)", "synchronous(FULL)", "wal_autocheckpoint(0)")
}

func dsn(path, mode string, cacheKB int, pragmas ...string) string {
	q := url.Values{"mode": {mode}, "_txlock": {"immediate"}}
	pragmas = append([]string{
		fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
		fmt.Sprintf("cache_size(-%d)", cacheKB),
		"temp_store(MEMORY)",
	}, pragmas...)
	q["_pragma"] = pragmas
	p := filepath.ToSlash(path)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // C:\… on Windows
	}
	return "file://" + (&url.URL{Path: p}).EscapedPath() + "?" + q.Encode()
}
