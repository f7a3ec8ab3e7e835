package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
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

// now is the simulated time in microseconds.
func (w *World) now() int64 { return time.Now().UnixMicro() }

func (s *store) Stream(ctx context.Context, id eventstore.StreamID) (out eventstore.Stream, err error) {
	err = s.do(ctx, "stream", id.String(), func() error { out = s.disk.Stream(id); return nil })
	return out, err
}

func (s *store) History(ctx context.Context, id eventstore.StreamID, after int64, limit int) (out []eventstore.Event, err error) {
	err = s.do(ctx, "history", id.String(), func() error {
		all := s.disk.data.events[id]
		first := min(max(after, 0), int64(len(all)))
		last := min(first+int64(limit), int64(len(all)))
		out = slices.Clone(all[first:last])
		return nil
	})
	return out, err
}

func (s *store) Streams(ctx context.Context, kind, after string, limit int) (out []eventstore.Stream, err error) {
	err = s.do(ctx, "streams", kind, func() error {
		for _, row := range s.disk.Streams(kind) {
			if row.ID.ID > after && len(out) < limit {
				out = append(out, row)
			}
		}
		return nil
	})
	return out, err
}

func (s *store) Position(ctx context.Context, topic string, partition int32) (p eventstore.Position, ok bool, err error) {
	err = s.do(ctx, "position", topic+"/"+strconv.Itoa(int(partition)), func() error {
		p, ok = s.disk.data.positions[place2{topic, partition}]
		return nil
	})
	return p, ok, err
}

func (s *store) Positions(ctx context.Context) (out []eventstore.Position, err error) {
	err = s.do(ctx, "positions", "", func() error {
		out = slices.SortedFunc(maps.Values(s.disk.data.positions), func(a, b eventstore.Position) int {
			return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
		})
		return nil
	})
	return out, err
}

func (s *store) Parked(ctx context.Context, after eventstore.ParkedKey, limit int) (out []eventstore.Parked, err error) {
	err = s.do(ctx, "parked", "", func() error {
		for _, p := range s.disk.Parked() {
			if compareKeys(p.ParkedKey, after) > 0 && len(out) < limit {
				out = append(out, p)
			}
		}
		return nil
	})
	return out, err
}

func (s *store) Query(context.Context, string, []any, func(eventstore.Row) error) error {
	return ErrNoSQL
}

func (s *store) ExpireAnswers(ctx context.Context, now int64, limit int) (n int, err error) {
	err = s.do(ctx, "expire answers", "", func() error {
		for key, a := range s.disk.data.answers {
			if a.ExpiresAt < now && n < limit {
				delete(s.disk.data.answers, key)
				n++
			}
		}
		return nil
	})
	return n, err
}

func (s *store) Ready(ctx context.Context) error {
	return s.do(ctx, "ready", "", func() error { return nil })
}

// Close releases the process's connection; the database stays.
func (s *store) Close() error { return nil }

func (s *store) Pending(ctx context.Context, after int64, limit, maxBytes int) (out []eventstore.OutboxRow, err error) {
	err = s.do(ctx, "pending", "", func() error {
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
		return nil
	})
	return out, err
}

// SafeMark returns a sequence below which nothing will become visible any more.
func (s *store) SafeMark(ctx context.Context) (mark int64, err error) {
	err = s.do(ctx, "safe mark", "", func() error {
		mark = s.disk.seq
		for seq := range s.disk.late {
			mark = min(mark, seq-1)
		}
		return nil
	})
	return mark, err
}

func (s *store) Published(ctx context.Context, relay string, rows []eventstore.RowID, state eventstore.RelayState) error {
	rows = slices.Clone(rows)
	return s.do(ctx, "published", strconv.FormatInt(state.Batch, 10), func() error {
		s.disk.world.explain(func() string { return fmt.Sprint(rows) })
		return s.disk.published(relay, rows, state)
	})
}

func (s *store) RelayState(ctx context.Context, relay string) (state eventstore.RelayState, err error) {
	err = s.do(ctx, "relay state", relay, func() error {
		state = s.disk.data.relays[relay]
		state.StoreEpoch = s.disk.data.epoch
		return nil
	})
	return state, err
}

func (s *store) Backlog(ctx context.Context) (rows, oldest int64, err error) {
	err = s.do(ctx, "backlog", "", func() error {
		if rows = int64(len(s.disk.data.outbox)); rows > 0 {
			oldest = s.disk.data.written[s.disk.data.outbox[0].Seq]
		}
		return nil
	})
	return rows, oldest, err
}

func (s *store) Committed() <-chan struct{} { return s.committed }

func (s *store) Lease(ctx context.Context, name string) (l eventstore.LeaseState, err error) {
	err = s.do(ctx, "lease", name, func() error { l = s.disk.data.leases[name]; return nil })
	return l, err
}

func (s *store) SwapLease(ctx context.Context, name string, from eventstore.LeaseState, owner string) (next eventstore.LeaseState, err error) {
	err = s.do(ctx, "swap lease", name, func() error {
		if stored := s.disk.data.leases[name]; stored.Counter != from.Counter {
			return &eventstore.ConflictError{What: "lease " + name, Expected: from.Counter, Actual: stored.Counter}
		}
		next = eventstore.LeaseState{Owner: owner, Counter: from.Counter + 1}
		s.disk.data.leases[name] = next
		return nil
	})
	return next, err
}
