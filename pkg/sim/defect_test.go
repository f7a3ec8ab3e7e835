package sim_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/inbox"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/outbox"
	"github.com/murmuration-dev/murmuration/pkg/sim"
)

// Each defect is a naive version of one step of the two hops, put between the
// product and its platform. The simulation finds each, and says how.
func TestFind_EveryPlantedDefect(t *testing.T) {
	const enough = 4000
	for _, d := range []struct {
		name     string
		scenario sim.Scenario
	}{
		{"the position is not in the transaction", planted(positionApart)},
		{"a transaction does not wait for the last deletion", planted(deletionLater)},
		{"rows are deleted before the commit", planted(deletionFirst)},
		{"a row's identity is used again", planted(identityReused)},
		{"offsets are stored outside the unit of work", planted(offsetsApart)},
		{"positions are not compared", planted(positionsBlind)},
		{"aborted batches are delivered", planted(uncommitted)},
		{"a replay creates intents", ringing{replays: true}.scenario},
	} {
		t.Run(d.name, func(t *testing.T) {
			found, report, ok := sim.Find(t, 1, enough, d.scenario)
			if !ok {
				t.Fatalf("not found in %s", report)
			}
			small := sim.Shrink(t, found.Plan, d.scenario)
			again := sim.Simulate(t, small, false, d.scenario)
			if again.Err == nil {
				t.Fatalf("seed %d does not fail again", found.Plan.Seed)
			}
			t.Logf("planted: %s | %s | after %d schedules, shrunk to %d faults and %d steps: %v",
				d.name, report.Took.Round(time.Millisecond), report.Schedules, len(small.Faults), len(small.Steps), again.Err)
			t.Logf("seed %d: %v %v", found.Plan.Seed, small.Faults, small.Steps)
		})
	}
}

func planted(defect func(*sim.World) parts) sim.Scenario {
	return func(w *sim.World) { defect(w).counting(w) }
}

// positionApart writes the position record after the transaction.
func positionApart(*sim.World) parts {
	return parts{log: func(n *sim.Node, _ eventstore.Store) outbox.Log { return apartLog{n.Log(n.Service), n} }}
}

type apartLog struct {
	outbox.Log
	node *sim.Node
}

func (l apartLog) Begin(ctx context.Context) (outbox.Txn, error) {
	txn, err := l.Log.Begin(ctx)
	return &apartTxn{Txn: txn, node: l.node}, err
}

type apartTxn struct {
	outbox.Txn
	node     *sim.Node
	position eventstore.Record
}

func (t *apartTxn) Produce(ctx context.Context, records []eventstore.Record, position eventstore.Record) (int64, error) {
	t.position = position
	position.Key = "nobody"
	return t.Txn.Produce(ctx, records, position)
}

func (t *apartTxn) Commit(ctx context.Context) error {
	if err := t.Txn.Commit(ctx); err != nil {
		return err
	}
	return t.node.Produce(ctx, t.position)
}

// deletionLater says that rows are gone before they are.
func deletionLater(*sim.World) parts {
	return parts{store: func(n *sim.Node) eventstore.Store {
		return &hastyStore{Store: n.Store(), going: make(map[eventstore.RowID]bool)}
	}}
}

type hastyStore struct {
	eventstore.Store
	mu    sync.Mutex
	going map[eventstore.RowID]bool
	last  eventstore.RelayState
}

func (s *hastyStore) Published(ctx context.Context, relay string, rows []eventstore.RowID, state eventstore.RelayState) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range rows {
		s.going[r] = true
	}
	s.last = state
	go func() {
		ctx := context.WithoutCancel(ctx)
		for {
			time.Sleep(20 * time.Millisecond) //nolint:forbidigo // a bubble's clock: in the background, when there is time
			err := s.Store.Published(ctx, relay, rows, state)
			if err == nil || !errors.Is(err, sim.ErrConnection) && !errors.Is(err, eventstore.ErrConflict) {
				return
			}
			if stored, err := s.Store.RelayState(ctx, relay); err == nil && stored.Batch >= state.Batch {
				return
			}
		}
	}()
	return nil
}

func (s *hastyStore) Pending(ctx context.Context, after int64, limit, bytes int) ([]eventstore.OutboxRow, error) {
	rows, err := s.Store.Pending(ctx, after, limit, bytes)
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(rows, func(r eventstore.OutboxRow) bool { return s.going[r.RowID] }), err
}

// deletionFirst deletes the rows of a batch, then commits it.
func deletionFirst(*sim.World) parts {
	return parts{log: func(n *sim.Node, s eventstore.Store) outbox.Log { return eagerLog{n.Log(n.Service), s} }}
}

type eagerLog struct {
	outbox.Log
	store eventstore.Store
}

func (l eagerLog) Begin(ctx context.Context) (outbox.Txn, error) {
	txn, err := l.Log.Begin(ctx)
	return &eagerTxn{Txn: txn, store: l.store}, err
}

type eagerTxn struct {
	outbox.Txn
	store    eventstore.Store
	position outbox.Position
}

func (t *eagerTxn) Produce(ctx context.Context, records []eventstore.Record, position eventstore.Record) (int64, error) {
	t.position, _ = sim.DecodePosition(ctx, position.Value)
	return t.Txn.Produce(ctx, records, position)
}

func (t *eagerTxn) Commit(ctx context.Context) error {
	state, err := t.store.RelayState(ctx, t.position.Relay)
	if err != nil {
		return err
	}
	state.Batch = t.position.Batch
	if err := t.store.Published(ctx, t.position.Relay, t.position.Rows, state); err != nil {
		return err
	}
	return t.Txn.Commit(ctx)
}

// identityReused names rows by a number that starts again once the table is empty,
// and deletes what bears a number, whatever batch it was named in.
func identityReused(*sim.World) parts {
	shared := &numbers{of: make(map[eventstore.RowID]int64)}
	return parts{store: func(n *sim.Node) eventstore.Store { return numberingStore{n.Store(), shared} }}
}

type numbers struct {
	mu   sync.Mutex
	of   map[eventstore.RowID]int64
	last int64
}

type numberingStore struct {
	eventstore.Store
	*numbers
}

func (s numberingStore) Pending(ctx context.Context, after int64, limit, bytes int) ([]eventstore.OutboxRow, error) {
	rows, err := s.Store.Pending(ctx, after, limit, bytes)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range rows {
		if s.of[rows[i].RowID] == 0 {
			if len(s.of) == 0 {
				s.last = 0
			}
			s.last++
			s.of[rows[i].RowID] = s.last
		}
		rows[i].RowID = eventstore.RowID{Version: s.of[rows[i].RowID]}
	}
	return rows, err
}

func (s numberingStore) Published(ctx context.Context, relay string, rows []eventstore.RowID, state eventstore.RelayState) error {
	s.mu.Lock()
	var named []eventstore.RowID
	for id, n := range s.of {
		if slices.Contains(rows, eventstore.RowID{Version: n}) {
			named = append(named, id)
		}
	}
	s.mu.Unlock()
	stored, err := s.RelayState(ctx, relay)
	if err != nil {
		return err
	}
	state.Batch = stored.Batch + 1
	if err := s.Store.Published(ctx, relay, named, state); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range named {
		delete(s.of, id)
	}
	return nil
}

// offsetsApart commits effects, then offsets.
func offsetsApart(*sim.World) parts {
	return parts{store: func(n *sim.Node) eventstore.Store { return apartStore{n.Store()} }}
}

type apartStore struct{ eventstore.Store }

func (s apartStore) Begin(ctx context.Context) (eventstore.Tx, error) {
	tx, err := s.Store.Begin(ctx)
	return apartUnit{tx, s.Store}, err
}

type apartUnit struct {
	eventstore.Tx
	store eventstore.Store
}

func (t apartUnit) Commit(ctx context.Context, u eventstore.Unit) error {
	moves := u.Moves
	u.Moves = nil
	if err := t.Tx.Commit(ctx, u); err != nil || len(moves) == 0 {
		return err
	}
	second, err := t.store.Begin(ctx)
	if err != nil {
		return err
	}
	defer second.Rollback()
	return second.Commit(ctx, eventstore.Unit{Moves: moves})
}

// positionsBlind moves a position from wherever it is.
func positionsBlind(*sim.World) parts {
	return parts{store: func(n *sim.Node) eventstore.Store { return blindStore{n.Store()} }}
}

type blindStore struct{ eventstore.Store }

func (s blindStore) Begin(ctx context.Context) (eventstore.Tx, error) {
	tx, err := s.Store.Begin(ctx)
	return blindUnit{tx, s.Store}, err
}

type blindUnit struct {
	eventstore.Tx
	store eventstore.Store
}

func (t blindUnit) Commit(ctx context.Context, u eventstore.Unit) error {
	moves := slices.Clone(u.Moves)
	for i, m := range moves {
		p, _, err := t.store.Position(ctx, m.Topic, m.Partition)
		if err != nil {
			return err
		}
		moves[i].From, moves[i].To = p.Next, max(p.Next, m.To)
	}
	u.Moves = moves
	return t.Tx.Commit(ctx, u)
}

func uncommitted(*sim.World) parts {
	return parts{broker: func(n *sim.Node) inbox.Broker { return n.BrokerWith(kafka.ReadUncommitted) }}
}
