package avro

import (
	"errors"
	"net/http"

	"github.com/twmb/franz-go/pkg/sr"
)

// Kinds of errors, for errors.Is.
var (
	// ErrNotFramed: the bytes do not start with a zero byte and a schema id.
	// Permanent.
	ErrNotFramed = errors.New("not framed as a zero byte and a schema id")
	// ErrUnknownSchema: the registry answered that it has no schema of that
	// id. Permanent.
	ErrUnknownSchema = errors.New("no such schema in the registry")
	// ErrCorrupt: the bytes are not a record of the schema they name.
	// Permanent.
	ErrCorrupt = errors.New("not a record of its schema")
	// ErrInvalidValue: the value given to Encode is not one of the schema.
	// Permanent.
	ErrInvalidValue = errors.New("not a value of the schema")
	// ErrInvalidSchema: the text is not an Avro schema, or one that this
	// package does not support. Permanent.
	ErrInvalidSchema = errors.New("invalid schema")
	// ErrIncompatible: two schemas cannot read each other's records as they
	// should. Permanent.
	ErrIncompatible = errors.New("incompatible schema")
	// ErrUnavailable: the registry could not be asked, or gave no answer that
	// a registry gives. Transient.
	ErrUnavailable = errors.New("schema registry unavailable")
	// ErrUnauthorized: the registry refused the credentials. It is also an
	// ErrUnavailable, since other credentials help and another record does not.
	ErrUnauthorized = errors.New("schema registry refused the credentials")
)

// Permanent reports whether err will be the same for the same input whenever it
// is tried again. An error that this package did not return is not permanent.
func Permanent(err error) bool {
	if errors.Is(err, ErrUnavailable) {
		return false
	}
	for _, kind := range []error{
		ErrNotFramed, ErrUnknownSchema, ErrCorrupt, ErrInvalidValue, ErrInvalidSchema, ErrIncompatible,
	} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// kindError gives a cause a kind. Both can be found with errors.Is.
type kindError struct {
	kind  error
	cause error
}

func (e *kindError) Error() string   { return e.kind.Error() + ": " + e.cause.Error() }
func (e *kindError) Unwrap() []error { return []error{e.kind, e.cause} }

func asKind(kind, cause error) error { return &kindError{kind: kind, cause: cause} }

// maxReason bounds how much of a registry's answer an error repeats: some
// answer with a whole page.
const maxReason = 500

// classify turns an error of the registry client into one of ours. Only an
// answer that carries a registry's own code is taken for the registry's word:
// a 404 of a proxy, or of a wrong path, must not condemn a record.
func classify(err error) error {
	var answer *sr.ResponseError
	if !errors.As(err, &answer) {
		return asKind(ErrUnavailable, err)
	}
	cause := errors.New(http.StatusText(answer.StatusCode) + ": " + clip(answer.Error()))
	switch {
	case answer.StatusCode == http.StatusNotFound && sr.IsNotFoundError(answer.ErrorCode):
		return asKind(ErrUnknownSchema, cause)
	case answer.StatusCode == http.StatusConflict && answer.ErrorCode == sr.ErrIncompatibleSchema.Code:
		return asKind(ErrIncompatible, cause)
	case answer.StatusCode == http.StatusUnprocessableEntity && answer.ErrorCode == sr.ErrInvalidSchema.Code:
		return asKind(ErrInvalidSchema, cause)
	case answer.StatusCode == http.StatusUnauthorized, answer.StatusCode == http.StatusForbidden:
		return asKind(ErrUnavailable, asKind(ErrUnauthorized, cause))
	}
	return asKind(ErrUnavailable, cause)
}

func clip(text string) string {
	if len(text) > maxReason {
		return text[:maxReason] + "…"
	}
	return text
}
