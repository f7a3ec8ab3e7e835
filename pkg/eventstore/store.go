package eventstore

import (
	"context"
	"time"
)

// Store is the whole port. Its parts are named by role: take the smallest that
// serves. All methods are safe for concurrent use, and return when ctx ends.
type Store interface {
	Writer
	Reader
	Outbox
	Intents
	Leases
	// Close waits for commits under way and releases the database.
	Close() error
}

// Writer commits units of work.
type Writer interface {
	// Begin starts a unit of work. The caller must end it with Commit or
	// Rollback, soon, and without a network call between.
	Begin(ctx context.Context) (Tx, error)
}

// Tx is one unit of work under way. It is not safe for concurrent use.
type Tx interface {
	// Load locks streams until the unit ends and returns their rows in the
	// order of ids; a stream without a row is returned at version 0. Several
	// calls are allowed as long as every newly locked stream sorts after all
	// those held (ErrLockOrder); one that is held already is read again.
	Load(ctx context.Context, ids ...StreamID) ([]Stream, error)
	// Answer returns the answer kept for an idempotency key.
	Answer(ctx context.Context, key string) (Answer, bool, error)
	// Commit writes the unit and ends the transaction, whether it succeeds or
	// not. Errors: ErrConflict, ErrNotLoaded, ErrRecordTooLarge,
	// ErrOutcomeUnknown, or the database's own, after all of which but
	// ErrOutcomeUnknown nothing was written.
	Commit(ctx context.Context, u Unit) error
	// Rollback ends the transaction without a trace. After Commit it does
	// nothing, so that it can be deferred.
	Rollback()
}

// Reader answers questions without locks, each from one consistent snapshot.
type Reader interface {
	// Stream returns the row of a stream, at version 0 if there is none.
	Stream(ctx context.Context, id StreamID) (Stream, error)
	// History returns at most limit events of a stream with versions above
	// after, ascending.
	History(ctx context.Context, id StreamID, after int64, limit int) ([]Event, error)
	// Streams returns at most limit rows of a kind with ids above after,
	// ascending by id.
	Streams(ctx context.Context, kind, after string, limit int) ([]Stream, error)
	// Position returns the inbox position of a partition; ok is false when
	// nothing was read from it yet.
	Position(ctx context.Context, topic string, partition int32) (p Position, ok bool, err error)
	// Positions returns all inbox positions, by topic and partition.
	Positions(ctx context.Context) ([]Position, error)
	// Parked returns at most limit parked records, by topic and key, above after.
	Parked(ctx context.Context, after ParkedKey, limit int) ([]Parked, error)
	// Query runs a read-model query in the shared SQL subset and calls scan for
	// each row; scan returns an error to stop.
	Query(ctx context.Context, sql string, args []any, scan func(Row) error) error
	// ExpireAnswers forgets at most limit answers that expired before now
	// (microseconds), and returns how many.
	ExpireAnswers(ctx context.Context, now int64, limit int) (int, error)
	// Ready returns nil when the database answers and its schema fits.
	Ready(ctx context.Context) error
}

// Row is one row of a Query.
type Row interface{ Scan(dest ...any) error }

// Outbox is what a relay needs.
type Outbox interface {
	// Pending returns rows with Seq above after, by Seq, at most limit of them
	// and about maxBytes. It does not lock them.
	Pending(ctx context.Context, after int64, limit, maxBytes int) ([]OutboxRow, error)
	// Published deletes rows that are in the log, and stores the relay's new
	// state, in one transaction. The stored batch must be state.Batch-1
	// (ErrConflict): a late caller of an older batch changes nothing. Rows that
	// are gone already are not an error.
	Published(ctx context.Context, relay string, rows []RowID, state RelayState) error
	// RelayState returns a relay's state; Batch is 0 before its first batch.
	RelayState(ctx context.Context, relay string) (RelayState, error)
	// Backlog returns how many rows wait, and the time, in microseconds, at
	// which the oldest was written (0 when none waits).
	Backlog(ctx context.Context) (rows int64, oldest int64, err error)
	// Committed receives a value soon after a commit of this process (or, where
	// the driver can tell, of another) added rows; values may be merged and may
	// be missed across processes: poll as well.
	Committed() <-chan struct{}
}

// EpochRenewer is what an operator needs who goes on from a restored backup.
// Every driver implements it.
type EpochRenewer interface {
	// RenewEpoch gives the database a new StoreEpoch, durably, and returns it.
	// No relay may be running: what one still publishes under the old identity
	// fails with ErrConflict.
	RenewEpoch(ctx context.Context) (string, error)
}

// PositionForgetter is what an operator needs when a topic lost what was read from
// it, or was made again. Every driver implements it.
type PositionForgetter interface {
	// ForgetPosition makes the inbox read a partition from its beginning again. Of a
	// partition without a position it is not an error. No inbox may be running: one
	// that is would write its position again.
	ForgetPosition(ctx context.Context, topic string, partition int32) error
}

// Intents is what the executor of intents needs.
type Intents interface {
	// ClaimIntents leases at most limit pending intents of the given kinds that
	// are due at now (microseconds) to owner until now+lease, and counts an
	// attempt. Intents whose lease ran out are claimed again.
	ClaimIntents(ctx context.Context, owner string, kinds []string, now int64, lease time.Duration, limit int) ([]Intent, error)
	// RetryIntent gives a claimed intent back, to be due again later.
	// Not an error when it is gone or claimed by somebody else.
	RetryIntent(ctx context.Context, owner, key string, due int64, cause string) error
	// ParkIntent gives a claimed intent up until an operator revives it.
	ParkIntent(ctx context.Context, owner, key string, cause string) error
	// ReviveIntent makes a parked intent pending again, due at once, with its
	// attempts counted from zero; ok is false when there is no such.
	ReviveIntent(ctx context.Context, key string, now int64) (ok bool, err error)
	// NextDue returns the earliest time, in microseconds, at which a pending
	// intent of these kinds can be claimed; ok is false when there is none.
	NextDue(ctx context.Context, kinds []string) (due int64, ok bool, err error)
	// ListIntents returns at most limit intents in a state, with keys above
	// after, ascending.
	ListIntents(ctx context.Context, state IntentState, after string, limit int) ([]Intent, error)
	// IntentsChanged receives a value soon after a commit of this process added
	// intents; see Outbox.Committed.
	IntentsChanged() <-chan struct{}
}

// Leases elects one of several processes.
type Leases interface {
	// Lease returns the current state; the zero value when nobody ever held it.
	Lease(ctx context.Context, name string) (LeaseState, error)
	// SwapLease makes owner the holder if the counter is still from.Counter,
	// and returns the new state; ErrConflict otherwise. Renewing is swapping
	// one's own.
	SwapLease(ctx context.Context, name string, from LeaseState, owner string) (LeaseState, error)
}
