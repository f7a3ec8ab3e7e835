package httpserver

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// problemBase is in front of every kind in a problem's type URI. It is a name,
// not an address, so it survives every move of the documentation.
const problemBase = "urn:murmuration:problem:"

// The kinds of problems that the server itself answers with. Services add
// their own. A kind is part of the API: clients compare it.
const (
	KindMalformed    = "malformed-request"
	KindInvalid      = "validation-failed"
	KindNotFound     = "not-found"
	KindMethod       = "method-not-allowed"
	KindNotAccepted  = "not-acceptable"
	KindSlowBody     = "request-timeout"
	KindConflict     = "conflict"
	KindTooLarge     = "body-too-large"
	KindMediaType    = "unsupported-media-type"
	KindInternal     = "internal-error"
	KindOverloaded   = "overloaded"
	KindUnavailable  = "unavailable"
	kindUnclassified = "error"
)

// kinds names the problems that huma itself makes, which have no type.
var kinds = map[int]string{
	http.StatusBadRequest:            KindMalformed,
	http.StatusNotFound:              KindNotFound,
	http.StatusMethodNotAllowed:      KindMethod,
	http.StatusNotAcceptable:         KindNotAccepted,
	http.StatusRequestTimeout:        KindSlowBody,
	http.StatusConflict:              KindConflict,
	http.StatusRequestEntityTooLarge: KindTooLarge,
	http.StatusUnsupportedMediaType:  KindMediaType,
	http.StatusUnprocessableEntity:   KindInvalid,
	http.StatusInternalServerError:   KindInternal,
	http.StatusServiceUnavailable:    KindUnavailable,
}

// ProblemType returns the type URI of a kind, which clients compare.
func ProblemType(kind string) string { return problemBase + kind }

// Problem returns an error that an operation's handler returns to be answered
// with status and an RFC 9457 problem. kind is lower case with hyphens, such
// as "out-of-stock"; detail is for the person who made this very request.
// errs are listed under "errors": a [huma.ErrorDetail] says where in the
// request it is.
func Problem(status int, kind, detail string, errs ...error) huma.StatusError {
	problem := &huma.ErrorModel{
		Type:   ProblemType(kind),
		Title:  title(kind),
		Status: status,
		Detail: detail,
	}
	for _, err := range errs {
		problem.Add(err)
	}
	return problem
}

// IsProblem reports whether err is a problem of that kind, for tests and for
// handlers that translate.
func IsProblem(err error, kind string) bool {
	var problem *huma.ErrorModel
	return errors.As(err, &problem) && problem.Type == ProblemType(kind)
}

// RetryAfter adds a Retry-After header, in whole seconds rounded up, to the
// answer of a handler that returns err.
func RetryAfter(err error, after time.Duration) error {
	return huma.ErrorWithHeaders(err, http.Header{"Retry-After": {retrySeconds(after)}})
}

func retrySeconds(after time.Duration) string {
	return strconv.Itoa(int((after + time.Second - 1) / time.Second))
}

// title makes "Out of stock" of "out-of-stock".
func title(kind string) string {
	words := strings.ReplaceAll(kind, "-", " ")
	if words == "" {
		return words
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

// classify completes a problem that huma made: the kind by its status, and no
// copy of the request's body.
func classify(problem *huma.ErrorModel) {
	if problem.Type != "" {
		return
	}
	kind, known := kinds[problem.Status]
	if !known {
		kind = kindUnclassified
	}
	problem.Type, problem.Title = ProblemType(kind), title(kind)
	for _, detail := range problem.Errors {
		if detail != nil && detail.Location == "body" {
			detail.Value = nil
		}
	}
}

// writeProblem answers outside of huma.
func writeProblem(w http.ResponseWriter, status int, kind, detail string) {
	body, err := json.Marshal(Problem(status, kind, detail))
	if err != nil {
		body = nil // strings and numbers always marshal
	}
	header := w.Header()
	header.Set("Content-Type", "application/problem+json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone
}
