//go:build e2e

package hop

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres"
)

// mortalStore is the database as an inbox's process reaches it, which ends at one of
// its commits.
type mortalStore struct {
	*postgres.Store
	life    *life
	commits atomic.Int64
	last    int64 // of the commits
	lands   bool  // whether the last one does
}

func (s *mortalStore) Begin(ctx context.Context) (eventstore.Tx, error) {
	if err := s.life.lasts(); err != nil {
		return nil, err
	}
	tx, err := s.Store.Begin(ctx)
	return mortalTx{tx, s}, err
}

type mortalTx struct {
	eventstore.Tx
	store *mortalStore
}

func (t mortalTx) Commit(ctx context.Context, u eventstore.Unit) error {
	s := t.store
	if err := s.life.lasts(); err != nil {
		return err
	}
	if s.commits.Add(1) != s.last {
		return t.Tx.Commit(ctx, u)
	}
	var err error
	if s.lands {
		err = t.Tx.Commit(ctx, u)
	}
	s.life.end()
	return errors.Join(errKilled, err)
}

// A reader is killed before and after each of its commits, of three batches. What it
// told Kafka, or could not tell any more, decides nothing.
func TestInbox_KilledAtAnyCommitLosesAndRepeatsNothing(t *testing.T) {
	r := newReaders(t)
	for _, lands := range []bool{false, true} {
		for n := int64(1); ; n++ {
			if !r.killAt(n, lands) {
				if n < 4 {
					t.Errorf("a reader got through 3 batches with %d commits", n-1)
				}
				break
			}
		}
	}
}

// killAt is false if the reader got through with fewer commits.
func (r *readers) killAt(n int64, lands bool) bool {
	r.t.Helper()
	r.send(3)
	store := &mortalStore{Store: r.store, life: newLife(), last: n, lands: lands}
	victim := r.reader(store, note, 1, r.orders)
	when := fmt.Sprintf("killed %s commit %d", map[bool]string{false: "before", true: "after"}[lands], n)
	r.eventually(func() string { return fmt.Sprintf("%s, or all is read: %+v", when, victim.Status()) }, func() bool {
		p, _, err := r.store.Position(r.ctx, r.orders, 0)
		r.must(err)
		_, stable := r.ends(r.orders)
		return store.life.lasts() != nil || p.Next >= stable
	})
	store.life.end()
	_ = victim.stop() // whatever it says, nobody hears it
	heir := r.reader(r.store, note, 1, r.orders)
	r.caughtUp(heir)
	r.must(heir.stop())
	r.check(when)
	return store.commits.Load() >= n
}

// frozenStore holds the first unit before it begins, and tells how it ended.
type frozenStore struct {
	*postgres.Store
	once    *sync.Once
	frozen  chan struct{} // closed: records are in hand
	thaw    chan struct{}
	outcome chan error // of the first commit
}

func (s frozenStore) Begin(ctx context.Context) (eventstore.Tx, error) {
	first := false
	s.once.Do(func() {
		first = true
		close(s.frozen)
	})
	select {
	case <-s.thaw:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	tx, err := s.Store.Begin(ctx)
	if first {
		return watchedUnit{tx, s.outcome}, err
	}
	return tx, err
}

type watchedUnit struct {
	eventstore.Tx
	outcome chan error
}

func (t watchedUnit) Commit(ctx context.Context, u eventstore.Unit) error {
	err := t.Tx.Commit(ctx, u)
	t.outcome <- err
	return err
}

// Two replicas own one partition: the first was frozen with records in hand, the
// second has handled them since. The first goes on where it was. Its handler sees the
// streams as they are now, so that no version tells it that it is late.
func TestInbox_TwoReplicasOfOnePartitionHandleEachRecordOnce(t *testing.T) {
	r := newReaders(t)
	r.send(3)
	store := frozenStore{r.store, new(sync.Once), make(chan struct{}), make(chan struct{}), make(chan error, 1)}
	zombie := r.reader(store, note, 0, r.orders)
	r.within("records are in the hand of the first", store.frozen)
	heir := r.reader(r.store, note, 0, r.orders)
	r.caughtUp(heir)
	close(store.thaw)
	select {
	case err := <-store.outcome:
		if !errors.Is(err, eventstore.ErrConflict) {
			t.Errorf("the zombie's commit: %v, want a conflict", err)
		}
	case <-time.After(patience):
		t.Fatal("did not come about: the zombie's commit")
	}
	r.send(1)
	r.caughtUp(heir)
	r.must(heir.stop())
	r.send(1)
	r.caughtUp(zombie) // it found out, and goes on
	r.must(zombie.stop())
	r.check("with a zombie")
}

// What was aborted takes no effect, be it before, between or after what was
// committed.
func TestInbox_AbortedRecordsTakeNoEffect(t *testing.T) {
	r := newReaders(t)
	for range 3 {
		r.abort("aborted", "aborted-too")
		r.send(2)
	}
	r.abort("aborted")
	in := r.reader(r.store, note, 0, r.orders)
	r.caughtUp(in)
	r.must(in.stop())
	r.check("among aborted records")
}
