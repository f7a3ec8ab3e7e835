package order

import (
	"errors"
	"fmt"
	"strings"
)

// The kinds of refusal. Every error of Decide is one of them under errors.Is.
var (
	// ErrUnknown says that no order was placed under this id.
	ErrUnknown = errors.New("unknown order")
	// ErrInvalid says that the command could never be accepted as it is; an
	// *InvalidError carries the fields.
	ErrInvalid = errors.New("invalid")
	// ErrRefused says that the command is well formed and comes at the wrong
	// time; the errors below say which, and all are ErrRefused as well.
	ErrRefused = errors.New("refused")
	// ErrImpossible says that an observation contradicts this order: a service
	// has broken the choreography or was restored from an older copy. Repeating
	// does not help; a person has to look.
	ErrImpossible = errors.New("impossible observation")
)

// The refusals, one for each question a caller can ask too late.
var (
	ErrAlreadyPlaced  = fmt.Errorf("%w: an order with this id exists", ErrRefused)
	ErrNotCancellable = fmt.Errorf("%w: the order can no longer be cancelled", ErrRefused)
	ErrNotReturnable  = fmt.Errorf("%w: this cannot be returned", ErrRefused)
	ErrReturnConflict = fmt.Errorf("%w: this return id was used for another return", ErrRefused)
	ErrNotDue         = fmt.Errorf("%w: the deadline has not passed", ErrRefused)
)

// maxFieldErrors bounds an answer: a thousand bad lines are one mistake.
const maxFieldErrors = 20

// FieldError is one thing wrong with a command. Field is a path such as
// "lines[2].quantity", counted from zero as in the JSON that was sent.
type FieldError struct {
	Field   string
	Message string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Message }

// InvalidError lists what is wrong with a command, at most twenty faults. It
// is ErrInvalid under errors.Is, and each *FieldError is reachable by errors.As.
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
	if len(f.fields) < maxFieldErrors {
		f.fields = append(f.fields, &FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
	}
}

func (f *faults) err() error {
	if len(f.fields) == 0 {
		return nil
	}
	return &InvalidError{Fields: f.fields}
}
