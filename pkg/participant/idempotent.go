package participant

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/httpserver"
)

// Answer is a response that is kept for an idempotency key: it is sent again as
// it was.
type Answer struct {
	Status   int
	Location string `header:"Location"`
	Body     json.RawMessage
}

// Digest identifies the content of a request: what an idempotency key stands for.
func Digest(parts ...any) (string, error) {
	body, err := json.Marshal(parts)
	if err != nil {
		return "", fmt.Errorf("digest of a request: %w", err)
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:16]), nil
}

// Problem turns the errors that any command can meet into problems; others are
// returned as they are, and stay hidden from clients.
func Problem(err error) error {
	switch {
	case errors.Is(err, aggregate.ErrKeyReused):
		return httpserver.Problem(http.StatusUnprocessableEntity, "idempotency-key-reused", "This Idempotency-Key was used for another request.")
	case errors.Is(err, eventstore.ErrRecordTooLarge):
		return httpserver.Problem(http.StatusUnprocessableEntity, httpserver.KindTooLarge, "The result is too large to be published.")
	case errors.Is(err, eventstore.ErrConflict):
		return httpserver.Problem(http.StatusServiceUnavailable, httpserver.KindUnavailable, "Too many requests for the same thing at once; try again.")
	}
	return err
}
