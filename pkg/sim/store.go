package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// ErrNoSQL is what Query returns: the simulated database has no read models.
// Statements are accepted and forgotten.
var ErrNoSQL = errors.New("the simulated database runs no queries")

// store is a database as one process reaches it.
type store struct {
	node      *Node
	disk      *Disk
	committed chan struct{}
	intents   chan struct{}
}

var _ eventstore.Store = (*store)(nil)

// Store returns the service's database as this process reaches it: every call
// takes time and meets the faults of the schedule. Call it once per process.
func (n *Node) Store() eventstore.Store {
	return &store{node: n, disk: n.service.disk, committed: make(chan struct{}, 1), intents: make(chan struct{}, 1)}
}

func (s *store) do(ctx context.Context, op, key string, effect func() error) error {
	return s.node.do(ctx, &s.disk.part, op, key, effect)
}

// answer makes a call whose answer has a value. After an error the value is left
// alone: the call may still arrive, and would write it then.
func answer[T any](ctx context.Context, s *store, op, key string, effect func() (T, error)) (T, error) {
	var out T
	err := s.do(ctx, op, key, func() (err error) {
		out, err = effect()
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return out, nil
}

// now is the simulated time in microseconds.
func (w *World) now() int64 { return time.Now().UnixMicro() }

func (s *store) Stream(ctx context.Context, id eventstore.StreamID) (eventstore.Stream, error) {
	return answer(ctx, s, "stream", id.String(), func() (eventstore.Stream, error) { return s.disk.Stream(id), nil })
}

func (s *store) History(ctx context.Context, id eventstore.StreamID, after int64, limit int) ([]eventstore.Event, error) {
	return answer(ctx, s, "history", id.String(), func() ([]eventstore.Event, error) {
		return s.disk.data.history(id, after, limit), nil
	})
}

func (s *store) Streams(ctx context.Context, kind, after string, limit int) ([]eventstore.Stream, error) {
	return answer(ctx, s, "streams", kind, func() ([]eventstore.Stream, error) {
		return s.disk.data.page(kind, after, limit), nil
	})
}

func (s *store) Position(ctx context.Context, topic string, partition int32) (eventstore.Position, bool, error) {
	p, err := answer(ctx, s, "position", topic+"/"+strconv.Itoa(int(partition)), func() (*eventstore.Position, error) {
		p, ok := s.disk.data.positions[spot{topic, partition}]
		if !ok {
			return nil, nil
		}
		return &p, nil
	})
	if p == nil {
		return eventstore.Position{}, false, err
	}
	return *p, true, err
}

func (s *store) Positions(ctx context.Context) ([]eventstore.Position, error) {
	return answer(ctx, s, "positions", "", func() ([]eventstore.Position, error) {
		return s.disk.data.allPositions(), nil
	})
}

func (s *store) Parked(ctx context.Context, after eventstore.ParkedKey, limit int) ([]eventstore.Parked, error) {
	return answer(ctx, s, "parked", "", func() ([]eventstore.Parked, error) {
		return s.disk.data.parkedPage(after, limit), nil
	})
}

func (s *store) Query(context.Context, string, []any, func(eventstore.Row) error) error {
	return ErrNoSQL
}

func (s *store) ExpireAnswers(ctx context.Context, now int64, limit int) (int, error) {
	return answer(ctx, s, "expire answers", "", func() (n int, err error) {
		for _, key := range sortedKeys(s.disk.data.answers) {
			if s.disk.data.answers[key].ExpiresAt < now && n < limit {
				delete(s.disk.data.answers, key)
				n++
			}
		}
		return n, nil
	})
}

func (s *store) Ready(ctx context.Context) error {
	return s.do(ctx, "ready", "", func() error { return nil })
}

// Close releases the process's connection; the database stays.
func (s *store) Close() error { return nil }

func (s *store) Pending(ctx context.Context, after int64, limit, maxBytes int) ([]eventstore.OutboxRow, error) {
	return answer(ctx, s, "pending", "", func() (out []eventstore.OutboxRow, err error) {
		size := 0
		for _, row := range s.disk.data.outbox {
			if row.Seq <= after {
				continue
			}
			if len(out) >= limit || size >= maxBytes {
				break
			}
			out = append(out, row)
			size += row.Record.Size()
		}
		s.disk.world.explain(func() string { return fmt.Sprintf("%d rows after %d", len(out), after) })
		return out, nil
	})
}

// SafeMark returns a sequence below which nothing will become visible any more.
func (s *store) SafeMark(ctx context.Context) (int64, error) {
	return answer(ctx, s, "safe mark", "", func() (int64, error) {
		mark := s.disk.seq
		for seq := range s.disk.late {
			mark = min(mark, seq-1)
		}
		return mark, nil
	})
}

func (s *store) Published(ctx context.Context, relay string, rows []eventstore.RowID, state eventstore.RelayState) error {
	rows = slices.Clone(rows)
	return s.do(ctx, "published", strconv.FormatInt(state.Batch, 10), func() error {
		s.disk.world.explain(func() string { return fmt.Sprint(rows) })
		return s.disk.published(relay, rows, state)
	})
}

func (s *store) RelayState(ctx context.Context, relay string) (eventstore.RelayState, error) {
	return answer(ctx, s, "relay state", relay, func() (eventstore.RelayState, error) {
		state := s.disk.data.relays[relay]
		state.StoreEpoch = s.disk.data.epoch
		return state, nil
	})
}

func (s *store) Backlog(ctx context.Context) (rows, oldest int64, err error) {
	both, err := answer(ctx, s, "backlog", "", func() (both [2]int64, err error) {
		if n := len(s.disk.data.outbox); n > 0 {
			both = [2]int64{int64(n), s.disk.data.written[s.disk.data.outbox[0].Seq]}
		}
		return both, nil
	})
	return both[0], both[1], err
}

func (s *store) Committed() <-chan struct{} { return s.committed }

func (s *store) Lease(ctx context.Context, name string) (eventstore.LeaseState, error) {
	return answer(ctx, s, "lease", name, func() (eventstore.LeaseState, error) { return s.disk.data.leases[name], nil })
}

func (s *store) SwapLease(ctx context.Context, name string, from eventstore.LeaseState, owner string) (eventstore.LeaseState, error) {
	return answer(ctx, s, "swap lease", name, func() (next eventstore.LeaseState, err error) {
		if stored := s.disk.data.leases[name]; stored.Counter != from.Counter {
			return next, &eventstore.ConflictError{What: "lease " + name, Expected: from.Counter, Actual: stored.Counter}
		}
		next = eventstore.LeaseState{Owner: owner, Counter: from.Counter + 1}
		s.disk.data.leases[name] = next
		return next, nil
	})
}
