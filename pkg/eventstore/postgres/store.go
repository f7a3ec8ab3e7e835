package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

const (
	// defaultMaxConns is how many units are under way at once: a server of a few
	// cores commits no faster with more.
	defaultMaxConns = 16
	// defaultReaders keeps reads, the relay and the executor of intents from
	// waiting for units that wait for each other.
	defaultReaders = 4
	// closeGrace is how long Close waits for what is under way; a caller that
	// forgot to end a unit must not keep the process from stopping.
	closeGrace = 5 * time.Second
)

// ErrClosed is returned by a Store after Close.
var ErrClosed = errors.New("store is closed")

// Config says where the database is. The zero value of every field but URL is
// a usable default.
type Config struct {
	// URL is postgres://user:password@host/database?parameters, or a list of
	// key=value pairs, as libpq takes them.
	URL string
	// Migrations of the service's read models, as goose SQL files at the root
	// of each file system. Each has a version table of its own, by its place in
	// the list, which therefore must not change.
	Migrations []fs.FS
	// Migrate brings the schema up to date before opening, as the role of URL,
	// if it is behind. Without it Open only looks, and fails with
	// ErrSchemaMismatch.
	Migrate bool
	// MaxConns is the most units of work that are under way at once; 16 if zero,
	// or what the URL says as pool_max_conns. A unit holds a connection from its
	// first Load to its end.
	MaxConns int
	// Readers is the most other calls that run at once; 4 if zero. With MaxConns
	// and one connection that listens it bounds the connections of the Store.
	Readers int
	// Now stamps outbox rows; time.Now if nil.
	Now func() time.Time
}

// Store is an eventstore.Store in PostgreSQL. It is safe for concurrent use.
type Store struct {
	now     func() time.Time
	units   *pgxpool.Pool
	reads   *pgxpool.Pool
	schemas []schema
	ready   string // the query that finds the versions of schemas
	wake    *wake
	marks   marks
	grace   time.Duration // closeGrace, but in a test

	// life ends what is still under way when closing took too long.
	life context.Context
	end  context.CancelFunc

	mu      sync.Mutex
	closed  bool
	active  int              // calls under way, and units that hold a connection
	holding map[*tx]struct{} // units that hold a connection
	idle    chan struct{}    // closed when the store is and nothing is active
}

var (
	_ eventstore.Store        = (*Store)(nil)
	_ eventstore.EpochRenewer = (*Store)(nil)
)

// Open connects and verifies the schema. Errors: ErrSchemaMismatch when the
// schema does not fit this program, ErrUnusable when the server refuses the user,
// the password or the database; anything else may be worth another try. Close
// must be called.
func Open(ctx context.Context, c Config) (*Store, error) {
	s, err := open(ctx, c)
	if err != nil {
		return nil, unusable(err)
	}
	return s, nil
}

func open(ctx context.Context, c Config) (_ *Store, err error) {
	if c.Migrate {
		if err := migrateIfBehind(ctx, c.URL, c.Migrations); err != nil {
			return nil, err
		}
	}
	s := &Store{now: c.Now, grace: closeGrace, holding: make(map[*tx]struct{}), idle: make(chan struct{})}
	if s.now == nil {
		s.now = time.Now
	}
	s.life, s.end = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			s.release()
			err = fmt.Errorf("open database: %w", err)
		}
	}()
	if s.schemas, err = targets(c.Migrations); err != nil {
		return nil, err
	}
	s.ready = versionQuery(s.schemas)
	if s.units, err = openPool(ctx, c.URL, c.MaxConns, defaultMaxConns); err != nil {
		return nil, err
	}
	if s.reads, err = openPool(ctx, c.URL, max(c.Readers, 0), 0); err != nil {
		return nil, err
	}
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	var table uint32
	if err := s.reads.QueryRow(ctx, `SELECT 'outbox'::regclass::oid`).Scan(&table); err != nil {
		return nil, err
	}
	s.wake = startWake(s.life, s.reads, fmt.Sprintf("murmuration_%d", table))
	return s, nil
}

// Close waits for what is under way, at most a few seconds, and releases the
// connections. Calls after it return ErrClosed. Closing twice is allowed.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	if s.active == 0 {
		close(s.idle)
	}
	s.mu.Unlock()

	timer := time.NewTimer(s.grace)
	defer timer.Stop()
	select {
	case <-s.idle:
	case <-timer.C:
	}
	s.release()
	return nil
}

// release ends everything that is left.
func (s *Store) release() {
	s.end()
	s.mu.Lock()
	held := make([]*tx, 0, len(s.holding))
	for t := range s.holding {
		held = append(held, t)
	}
	s.mu.Unlock()
	for _, t := range held {
		t.Rollback()
	}
	if s.wake != nil {
		s.wake.wait()
	}
	for _, p := range []*pgxpool.Pool{s.units, s.reads} {
		if p != nil {
			p.Close()
		}
	}
}

// enter counts a call that is under way, and bounds it by the life of the
// store. leave must be called.
func (s *Store) enter(ctx context.Context) (_ context.Context, leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	if err := s.count(nil); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.life, cancel)
	return ctx, func() { stop(); cancel(); s.discount(nil) }, nil
}

func (s *Store) count(t *tx) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.active++
	if t != nil {
		s.holding[t] = struct{}{}
	}
	return nil
}

func (s *Store) discount(t *tx) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active--
	delete(s.holding, t)
	if s.closed && s.active == 0 {
		close(s.idle)
	}
}

// each runs one of the store's own statements and calls row for every result.
// One statement is one snapshot.
func (s *Store) each(ctx context.Context, row func(pgx.Rows) error, sql string, args ...any) error {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	rows, err := s.reads.Query(ctx, sql, args...)
	if err != nil {
		return failure(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return failure(ctx, rows.Err())
}

// exec runs one of the store's own statements and returns how many rows it
// changed.
func (s *Store) exec(ctx context.Context, sql string, args ...any) (int64, error) {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	tag, err := s.reads.Exec(ctx, sql, args...)
	return tag.RowsAffected(), failure(ctx, err)
}
