// Package aggregatetest makes a store fail as a database does: away for a while,
// slow, with conflicts, or with a commit of which nobody learns what became.
//
// It keeps what the wrapped store guarantees; it only adds failures that a real
// database has too.
package aggregatetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// ErrAway is what every method of a Store that is away fails with.
var ErrAway = errors.New("database is away")

// Commit decides what becomes of a commit: commit carries it out, at most once.
// If it is not called the unit is rolled back.
type Commit func(u eventstore.Unit, commit func() error) error

// Store is a store with faults. It is safe for concurrent use.
type Store struct {
	eventstore.Store

	mu     sync.Mutex
	away   bool
	calls  int
	commit Commit
	open   int
}

// Wrap returns a Store without faults.
func Wrap(s eventstore.Store) *Store { return &Store{Store: s} }

// SetAway makes every call fail with ErrAway, or ends that.
func (s *Store) SetAway(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

// Refused is how many calls failed because the store was away.
func (s *Store) Refused() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// OnCommit lets f decide about every commit from now on; nil ends that.
func (s *Store) OnCommit(f Commit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commit = f
}

// Once applies f to the next commit only.
func (s *Store) Once(f Commit) {
	var once sync.Once
	s.OnCommit(func(u eventstore.Unit, commit func() error) (err error) {
		first := false
		once.Do(func() { first = true })
		if first {
			return f(u, commit)
		}
		return commit()
	})
}

// Open is how many units are under way.
func (s *Store) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

func (s *Store) failure(what string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.away {
		return nil
	}
	s.calls++
	return fmt.Errorf("%s: %w", what, ErrAway)
}

// Landed commits, and then loses the answer.
func Landed(_ eventstore.Unit, commit func() error) error {
	if err := commit(); err != nil {
		return err
	}
	return fmt.Errorf("connection lost: %w", eventstore.ErrOutcomeUnknown)
}

// Vanished loses the request.
func Vanished(eventstore.Unit, func() error) error {
	return fmt.Errorf("connection lost: %w", eventstore.ErrOutcomeUnknown)
}

// Conflicting loses against somebody else.
func Conflicting(eventstore.Unit, func() error) error {
	return &eventstore.ConflictError{What: "stream injected/1", Expected: 1, Actual: 2}
}

// Slow commits after d.
func Slow(d time.Duration) Commit {
	return func(_ eventstore.Unit, commit func() error) error {
		time.Sleep(d)
		return commit()
	}
}

// Begin implements eventstore.Writer.
func (s *Store) Begin(ctx context.Context) (eventstore.Tx, error) {
	if err := s.failure("begin"); err != nil {
		return nil, err
	}
	inner, err := s.Store.Begin(ctx)
	if err != nil {
		return nil, err
	}
	s.count(1)
	return &tx{Tx: inner, store: s}, nil
}

func (s *Store) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open += n
}

type tx struct {
	eventstore.Tx
	store *Store
	ended bool
}

func (t *tx) end() {
	if !t.ended {
		t.ended = true
		t.store.count(-1)
	}
}

func (t *tx) Load(ctx context.Context, ids ...eventstore.StreamID) ([]eventstore.Stream, error) {
	if err := t.store.failure("load"); err != nil {
		return nil, err
	}
	return t.Tx.Load(ctx, ids...)
}

func (t *tx) Commit(ctx context.Context, u eventstore.Unit) error {
	defer t.end()
	defer t.Tx.Rollback()
	if err := t.store.failure("commit"); err != nil {
		return err
	}
	t.store.mu.Lock()
	decide := t.store.commit
	t.store.mu.Unlock()
	if decide == nil {
		return t.Tx.Commit(ctx, u)
	}
	return decide(u, func() error { return t.Tx.Commit(ctx, u) })
}

func (t *tx) Rollback() {
	t.Tx.Rollback()
	t.end()
}
