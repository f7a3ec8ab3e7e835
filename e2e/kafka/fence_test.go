//go:build e2e

package kafka_test

import (
	"errors"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

// A zombie is a producer that goes on after somebody else initialised its id.
func TestFencing_AZombieWritesNothing(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol kafka.Protocol) {
		for _, busy := range []bool{false, true} {
			r := newRig(t, &one)
			topic, id := r.topic(1), name("relay")
			zombie := r.started(id, protocol)
			r.commit(zombie, topic, "before")
			open := r.begin(zombie, topic, "open")
			heir := r.started(id, protocol)
			var held *kafka.Txn
			if busy {
				held = r.begin(heir, topic, "after")
			}
			err := open.Produce(r.ctx, records(topic, 0, "late")...)
			if !errors.Is(err, kafka.ErrFenced) || !errors.Is(err, kafka.ErrAborted) {
				t.Errorf("the zombie's produce, heir busy %v: %v", busy, err)
			}
			if busy {
				r.must(held.Commit(r.ctx))
			} else {
				r.commit(heir, topic, "after")
			}
			if _, err := zombie.Begin(); !errors.Is(err, kafka.ErrNotInitialized) && !errors.Is(err, kafka.ErrTransactionOpen) {
				t.Errorf("the zombie's next begin: %v", err)
			}
			r.expect(topic, "before", "after")
		}
	})
}

func TestFencing_AZombieCommitsNothing(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol kafka.Protocol) {
		r := newRig(t, &one)
		topic, id := r.topic(1), name("relay")
		zombie := r.started(id, protocol)
		open := r.begin(zombie, topic, "open")
		heir := r.started(id, protocol)
		if err := open.Commit(r.ctx); !errors.Is(err, kafka.ErrFenced) || !errors.Is(err, kafka.ErrUnknownOutcome) {
			t.Errorf("the zombie's commit: %v", err)
		}
		r.commit(heir, topic, "after")
		r.expect(topic, "after")
	})
}

// The successor owns both ids, so a zombie is fenced whichever it uses next.
func TestFencing_ReachesTheIdThatIsNotInUse(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol kafka.Protocol) {
		r := newRig(t, &one)
		topic, id := r.topic(1), name("relay")
		zombie := r.started(id, protocol)
		r.commit(zombie, topic, "first id")
		heir := r.started(id, protocol)
		txn, err := zombie.Begin()
		r.must(err)
		if err := txn.Produce(r.ctx, records(topic, 0, "second id")...); !errors.Is(err, kafka.ErrFenced) {
			t.Errorf("produce with the second id: %v", err)
		}
		r.commit(heir, topic, "heir")
		r.expect(topic, "first id", "heir")
	})
}

// Why nobody may call Init without the lease: even refused, it aborts what the
// rightful owner has open. The owner must notice, and recover by Init.
func TestFencing_AZombiesInitIsRefusedButAbortsTheOwnersTransaction(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol kafka.Protocol) {
		r := newRig(t, &one)
		topic, id := r.topic(1), name("relay")
		zombie := r.started(id, protocol)
		owner := r.started(id, protocol)
		open := r.begin(owner, topic, "lost")
		if err := zombie.Init(r.ctx); !errors.Is(err, kafka.ErrFenced) {
			t.Errorf("the zombie's Init: %v", err)
		}
		err := open.Commit(r.ctx)
		if !errors.Is(err, kafka.ErrUnknownOutcome) {
			t.Errorf("the owner's commit: %v", err)
		}
		t.Logf("the owner's commit after a zombie's Init: %v", codeOf(err))
		r.must(owner.Init(r.ctx))
		r.commit(owner, topic, "again")
		r.expect(topic, "again")
	})
}
