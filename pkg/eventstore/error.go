package eventstore

import (
	"errors"
	"fmt"
)

var (
	// ErrConflict is matched by every ConflictError: load again, decide again.
	ErrConflict = errors.New("conflict")
	// ErrOutcomeUnknown says that the connection was lost while committing: the
	// unit may or may not be durable. Load and look before trying again.
	ErrOutcomeUnknown = errors.New("outcome of the commit is unknown")
	// ErrRecordTooLarge says that a record could never be published.
	ErrRecordTooLarge = errors.New("record is too large to publish")
	// ErrLockOrder is matched by every LockOrderError: a mistake in the caller.
	ErrLockOrder = errors.New("streams must be loaded in ascending order")
	// ErrNotLoaded says that a change names a stream that the unit did not
	// load: a mistake in the caller.
	ErrNotLoaded = errors.New("stream was not loaded by this unit")
	// ErrInUse says that another process has the database open exclusively.
	ErrInUse = errors.New("database is in use by another process")
	// ErrUnusable says that no further attempt with these settings can work: what
	// is there is not a database, or the server refuses the user, the password or
	// the database's name.
	ErrUnusable = errors.New("database cannot be used with these settings")
	// ErrSchemaMismatch says that this program cannot run on the database's
	// schema: too new, or an unfinished migration.
	ErrSchemaMismatch = errors.New("database schema does not fit this program")
	// ErrNotMigrated says that the database is older than this program, which may
	// not change that, or was told not to. It is also an ErrSchemaMismatch, but one
	// that passes: somebody else migrates.
	ErrNotMigrated = fmt.Errorf("%w: it was not migrated yet", ErrSchemaMismatch)
)

// ConflictError says that somebody else committed first.
type ConflictError struct {
	// What is the thing that moved: a stream, a position, an answer.
	What string
	// Expected and Actual are versions or offsets; -1 where unknown.
	Expected, Actual int64
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("conflict on %s: expected %d, found %d", e.What, e.Expected, e.Actual)
}

// Is makes errors.Is(err, ErrConflict) true.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// LockOrderError names the two streams that were asked for in the wrong order.
type LockOrderError struct{ Asked, Held StreamID }

func (e *LockOrderError) Error() string {
	return fmt.Sprintf("lock %s after %s: %s", e.Asked, e.Held, ErrLockOrder)
}

// Is makes errors.Is(err, ErrLockOrder) true.
func (e *LockOrderError) Is(target error) bool { return target == ErrLockOrder }
