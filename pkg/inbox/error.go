package inbox

import (
	"errors"
	"fmt"
)

// RecordError says which record of a batch could not be handled.
type RecordError struct {
	// Index is the record's place in the slice that the handler was given.
	Index int
	Err   error
}

func (e *RecordError) Error() string {
	return fmt.Sprintf("record %d of the batch: %v", e.Index, e.Err)
}

// Unwrap returns the cause.
func (e *RecordError) Unwrap() error { return e.Err }

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// Permanent marks an error as one that the same record will always cause: the
// one question that decides between retry and parking.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

// IsPermanent tells whether the error, or one that it wraps, was marked.
func IsPermanent(err error) bool {
	var p *permanentError
	return errors.As(err, &p)
}

// PositionError says that a stored position cannot be true of the topic as it is
// now: the topic was deleted and made again, or its log ends before the
// position. Going on would skip or repeat records silently.
type PositionError struct {
	Topic     string
	Partition int32
	Position  int64
	Reason    string
}

func (e *PositionError) Error() string {
	return fmt.Sprintf("inbox position %d of %s/%d cannot be true: %s (see the runbook, \"A topic was made again\")",
		e.Position, e.Topic, e.Partition, e.Reason)
}
