package inventory

import (
	"errors"
	"fmt"
	"strings"
)

// The kinds of refusal. Every error of Decide and DecideStock is one of them
// under errors.Is.
var (
	// ErrUnknown says that there is no reservation for this order.
	ErrUnknown = errors.New("unknown reservation")
	// ErrInvalid says that the command could never be accepted as it is; an
	// *InvalidError carries the fields.
	ErrInvalid = errors.New("invalid")
	// ErrRefused says that the command is well formed and comes at the wrong
	// time; the errors below say which, and all are ErrRefused as well.
	ErrRefused = errors.New("refused")
	// ErrImpossible says that an observation contradicts what is stored here: a
	// service has broken the choreography or was restored from an older copy.
	// Repeating does not help; a person has to look.
	ErrImpossible = errors.New("impossible observation")
)

// The refusals of stock commands.
var (
	// ErrInsufficient says that less is available than the command takes.
	ErrInsufficient = fmt.Errorf("%w: not enough is available", ErrRefused)
	// ErrMovementConflict says that an id was used for another quantity.
	ErrMovementConflict = fmt.Errorf("%w: this id was used for another movement", ErrRefused)
	// ErrOverfull says that the item would hold more than MaxOnHand.
	ErrOverfull = fmt.Errorf("%w: more than an item can hold", ErrRefused)
)

// FieldError is one thing wrong with a command.
type FieldError struct {
	Field   string
	Message string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Message }

// InvalidError lists what is wrong with a command. It is ErrInvalid under
// errors.Is, and each *FieldError is reachable by errors.As.
type InvalidError struct {
	Fields []*FieldError
}

func (e *InvalidError) Error() string {
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = f.Error()
	}
	return ErrInvalid.Error() + ": " + strings.Join(parts, "; ")
}

// Unwrap makes the kind and every field visible to errors.Is and errors.As.
func (e *InvalidError) Unwrap() []error {
	errs := []error{ErrInvalid}
	for _, f := range e.Fields {
		errs = append(errs, f)
	}
	return errs
}

// faults collects field errors while a command is checked.
type faults struct {
	fields []*FieldError
}

func (f *faults) addf(field, format string, args ...any) {
	f.fields = append(f.fields, &FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}

func (f *faults) err() error {
	if len(f.fields) == 0 {
		return nil
	}
	return &InvalidError{Fields: f.fields}
}
