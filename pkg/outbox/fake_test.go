package outbox

import (
	"context"
	"fmt"
	"slices"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// fakeStore is the database as one process reaches it.
type fakeStore struct{ *process }

func (s fakeStore) Pending(ctx context.Context, after int64, limit, maxBytes int) (out []eventstore.OutboxRow, err error) {
	err = s.do(ctx, "pending", func() error {
		size := 0
		for _, row := range s.world.rows {
			if row.Seq > after && len(out) < limit && (size < maxBytes) {
				out = append(out, row)
				size += row.Record.Size()
			}
		}
		return nil
	})
	return out, err
}

func (s fakeStore) Published(ctx context.Context, _ string, rows []eventstore.RowID, state eventstore.RelayState) error {
	return s.do(ctx, fmt.Sprintf("published %d", state.Batch), func() error {
		w := s.world
		if w.state.Batch != state.Batch-1 || w.state.StoreEpoch != state.StoreEpoch {
			return &eventstore.ConflictError{What: "relay", Expected: state.Batch - 1, Actual: w.state.Batch}
		}
		w.state = state
		w.rows = slices.DeleteFunc(w.rows, func(r eventstore.OutboxRow) bool { return slices.Contains(rows, r.RowID) })
		w.depth.Store(int64(len(w.rows)))
		return nil
	})
}

func (s fakeStore) RelayState(ctx context.Context, _ string) (state eventstore.RelayState, err error) {
	err = s.do(ctx, "state", func() error { state = s.world.state; return nil })
	return state, err
}

// Backlog is answered at once: measuring is no step of the protocol.
func (s fakeStore) Backlog(context.Context) (rows, oldest int64, err error) {
	return s.world.depth.Load(), s.world.fed.Load(), nil
}

func (s fakeStore) Committed() <-chan struct{} { return s.wake }

func (s fakeStore) Lease(ctx context.Context, _ string) (state eventstore.LeaseState, err error) {
	if s.lying {
		return eventstore.LeaseState{}, nil
	}
	err = s.do(ctx, "lease", func() error { state = s.world.lease; return nil })
	return state, err
}

func (s fakeStore) SwapLease(ctx context.Context, _ string, from eventstore.LeaseState, owner string) (state eventstore.LeaseState, err error) {
	if s.lying {
		return eventstore.LeaseState{Owner: owner, Counter: from.Counter + 1}, nil
	}
	err = s.do(ctx, "swap", func() error {
		if s.world.lease.Counter != from.Counter {
			return &eventstore.ConflictError{What: "lease", Expected: from.Counter, Actual: s.world.lease.Counter}
		}
		s.world.lease = eventstore.LeaseState{Owner: owner, Counter: from.Counter + 1}
		state = s.world.lease
		return nil
	})
	return state, err
}

// markingStore knows up to which sequence everything is visible.
type markingStore struct{ fakeStore }

func (s markingStore) SafeMark(ctx context.Context) (mark int64, err error) {
	err = s.do(ctx, "mark", func() error {
		mark = s.world.seq
		for _, row := range s.world.late {
			mark = min(mark, row.Seq-1)
		}
		return nil
	})
	return mark, err
}

// fakeLog is the cluster as one process reaches it.
type fakeLog struct{ *process }

func (l fakeLog) TopicID(ctx context.Context, _ string) (id string, err error) {
	err = l.do(ctx, "topic id", func() error { id = l.world.topicID; return nil })
	return id, err
}

func (l fakeLog) Init(ctx context.Context) error {
	l.turn = 0
	for id := range l.mine {
		var epoch int
		if err := l.do(ctx, fmt.Sprintf("init %d", id), func() error {
			l.world.close(id, aborted)
			l.world.ids[id].epoch++
			epoch = l.world.ids[id].epoch
			return nil
		}); err != nil {
			return err
		}
		l.mine[id] = epoch
	}
	return nil
}

func (l fakeLog) Last(ctx context.Context, topic, key string, from int64) (last Entry, found bool, err error) {
	err = l.do(ctx, "last", func() error {
		l.world.readFrom = from
		for _, e := range l.world.visible(topic) {
			if e.offset >= from && e.record.Key == key {
				last, found = Entry{Offset: e.offset, Value: e.record.Value}, true
			}
		}
		return nil
	})
	return last, found, err
}

func (l fakeLog) Begin(context.Context) (Txn, error) {
	return fakeTxn{process: l.process, id: l.turn, epoch: l.mine[l.turn]}, nil
}

type fakeTxn struct {
	*process
	id, epoch int
}

func (x fakeTxn) Produce(ctx context.Context, records []eventstore.Record, position eventstore.Record) (offset int64, err error) {
	err = x.do(ctx, "produce", func() error {
		w := x.world
		switch {
		case w.ids[x.id].epoch != x.epoch:
			return ErrFenced
		case w.refuse != nil:
			return w.refuse
		}
		w.ids[x.id].open = true
		for _, r := range append(slices.Clone(records), position) {
			offset = int64(len(w.entries))
			w.entries = append(w.entries, entry{offset: offset, record: r, id: x.id, epoch: x.epoch})
		}
		return nil
	})
	return offset, err
}

func (x fakeTxn) Commit(ctx context.Context) error { return x.end(ctx, "commit", committed) }

func (x fakeTxn) Abort(ctx context.Context) error { return x.end(ctx, "abort", aborted) }

// end ends the transaction; as in Kafka's second protocol, each has an epoch
// of its own, so that what comes late of it meets no other.
func (x fakeTxn) end(ctx context.Context, op string, state txnState) error {
	var epoch int
	err := x.do(ctx, op, func() error {
		w := x.world
		if w.ids[x.id].epoch != x.epoch || !w.ids[x.id].open {
			return ErrFenced
		}
		w.close(x.id, state)
		w.ids[x.id].epoch++
		epoch = w.ids[x.id].epoch
		return nil
	})
	if err == nil {
		x.mine[x.id] = epoch
		x.turn = 1 - x.turn
	}
	return err
}
