package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// A session is the work between one initialisation and the next.
type session struct {
	*Relay
	lease *lease

	// state is how far the relay is: the last batch that was committed. Its rows
	// are deleted, unless undeleted says otherwise.
	state     eventstore.RelayState
	undeleted *deletion
	// stood is a time after which a deletion found the database at the batch before
	// state, and brought it there.
	stood time.Time

	// after is the low mark: rows at or below it are published. full is when a
	// scan last started from the beginning.
	after int64
	full  time.Time
	low   mark
	ahead *ahead

	begun time.Time // of the last batch
	rows  int       // in it
	more  bool      // it was cut off by a bound

	recovered         bool
	opened, committed int // transactions
}

// run recovers and then publishes until stop is closed (nil) or an error leaves
// something in doubt.
func (s *session) run(ctx context.Context, stop <-chan struct{}) error {
	if err := s.recover(ctx); err != nil {
		return err
	}
	return s.publish(ctx, stop)
}

// recover makes the database agree with the log.
func (s *session) recover(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, recoverTimeout)
	defer cancel()
	if err := s.init(ctx); err != nil {
		return err
	}
	// Only now does the position stand still: nobody before us can commit any
	// more, and nobody after us has.
	last, err := s.read(ctx)
	if err != nil {
		return err
	}
	if err := s.agree(last); err != nil {
		return err
	}
	if last.position.Batch == s.state.Batch+1 {
		same, err := s.unchanged(ctx, last.position)
		if err != nil {
			return err
		}
		if !same {
			return s.accuse(ctx, last.position)
		}
		next := s.state
		next.Batch, next.PositionOffset = last.position.Batch, last.offset
		if err := s.forget(ctx, last.position.Rows, next); err != nil {
			return err
		}
		s.state = next
	}
	s.recovered = true
	s.gate.pass()
	s.lease.vouch()
	s.reached(s.state.Batch, time.Time{})
	return nil
}

// init takes the transactional ids, if the lease is held at this very moment: an
// initialisation without it would fence, or abort the transaction of, the
// relay that leads.
func (s *session) init(ctx context.Context) error {
	if err := s.lease.renew(ctx); err != nil {
		return err
	}
	if err := s.deps.Log.Init(ctx); err != nil {
		return fmt.Errorf("initialise: %w", err)
	}
	return nil
}

// lastPosition is the last committed position record; the zero value means that
// there is none, which is batch 0 of any database.
type lastPosition struct {
	found    bool
	offset   int64
	position Position
}

// read loads the relay's state and the last position record.
func (s *session) read(ctx context.Context) (lastPosition, error) {
	var last lastPosition
	state, err := s.deps.Store.RelayState(ctx, s.cfg.Relay)
	if err != nil {
		return last, fmt.Errorf("read state: %w", err)
	}
	id, err := s.deps.Log.TopicID(ctx, s.cfg.PositionsTopic)
	if err != nil {
		return last, fmt.Errorf("read id of topic %s: %w", s.cfg.PositionsTopic, err)
	}
	from := state.PositionOffset
	if id != state.PositionTopicID {
		from = 0
	}
	entry, found, err := s.deps.Log.Last(ctx, s.cfg.PositionsTopic, s.cfg.Relay, from)
	if err != nil {
		return last, fmt.Errorf("read last position from offset %d: %w", from, err)
	}
	if found {
		position, err := s.deps.DecodePosition(ctx, entry.Value)
		if err != nil {
			return last, fmt.Errorf("decode position at offset %d: %w", entry.Offset, err)
		}
		last = lastPosition{found: true, offset: entry.Offset, position: position}
	}
	// The two were not read at one moment. A database that stood still from
	// before to after makes the comparison valid; if it did not, there is
	// another relay which has fenced this one or is about to be fenced.
	again, err := s.deps.Store.RelayState(ctx, s.cfg.Relay)
	if err != nil {
		return last, fmt.Errorf("read state: %w", err)
	}
	if again != state {
		return last, fmt.Errorf("read position: %w", errMoved)
	}
	if state.PositionTopicID != "" && id != state.PositionTopicID {
		return last, &TopicRecreatedError{Relay: s.cfg.Relay, Topic: s.cfg.PositionsTopic, Expected: state.PositionTopicID, Found: id}
	}
	s.state = state
	s.state.PositionTopicID = id
	return last, nil
}

// accuse says that the database was set back, unless somebody else has just
// deleted the rows that are missed: with them the state moves.
func (s *session) accuse(ctx context.Context, log Position) error {
	again, err := s.deps.Store.RelayState(ctx, s.cfg.Relay)
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	if again.Batch != s.state.Batch || again.StoreEpoch != s.state.StoreEpoch {
		return fmt.Errorf("compare batch %d: %w", log.Batch, errMoved)
	}
	return s.rewound(log)
}

func (s *session) rewound(log Position) error { return rewound(s.cfg.Relay, s.state, log) }

func rewound(relay string, state eventstore.RelayState, log Position) error {
	return &StoreRewoundError{
		Relay:      relay,
		StoreEpoch: state.StoreEpoch, StoreBatch: state.Batch,
		LogEpoch: log.StoreEpoch, LogBatch: log.Batch,
	}
}

// agree compares the database with the log.
func (s *session) agree(last lastPosition) error {
	return Compare(s.cfg.Relay, s.state, last.position, last.found)
}

// Compare tells whether a relay's state and the last position record in its log
// can both be true; found is false when there is none. The log is at most one batch
// ahead; it is never behind, and never of another database. Otherwise it returns
// what Run would, but for a topic that was made again, and for a batch whose rows
// the database does not have.
func Compare(relay string, state eventstore.RelayState, log Position, found bool) error {
	switch {
	case found && log.StoreEpoch != state.StoreEpoch, log.Batch > state.Batch+1:
		return rewound(relay, state, log)
	case log.Batch < state.Batch:
		return &LogRewoundError{Relay: relay, StoreBatch: state.Batch, LogBatch: log.Batch}
	}
	return nil
}
