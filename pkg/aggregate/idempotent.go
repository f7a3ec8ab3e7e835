package aggregate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// ErrKeyReused says that an idempotency key came with a request that differs
// from the one it was first used for.
var ErrKeyReused = errors.New("idempotency key was used for another request")

// AnswerTTL is how long answers are kept: longer than any client goes on
// retrying, and what the better known payment APIs keep.
const AnswerTTL = 24 * time.Hour

// Request identifies one request of a client for Once.
type Request struct {
	// Key is the client's idempotency key, within its Scope; empty means that
	// the request is not protected.
	Key string
	// Scope keeps the keys of different operations apart, e.g. "POST /orders".
	Scope string
	// Digest is a hash of the request's content.
	Digest string
	// At is the time of the request in microseconds.
	At int64
}

// Once returns the answer that was kept for the request, or runs fn and keeps
// its answer in the same unit as the effects: the same request has effects once
// and is always answered the same. Errors of fn are not kept. Two that arrive
// together conflict at commit; Do runs the loser again, which then finds the
// answer.
func (s *Session) Once(ctx context.Context, r Request, fn func() (status int, body []byte, err error)) (eventstore.Answer, error) {
	key := r.Scope + " " + r.Key
	if r.Key != "" {
		kept, ok, err := s.answer(ctx, key)
		if err != nil {
			return kept, err
		}
		if ok && kept.Digest != r.Digest {
			return kept, fmt.Errorf("%s: %w", key, ErrKeyReused)
		}
		if ok {
			return kept, nil
		}
	}
	status, body, err := fn()
	a := eventstore.Answer{Key: key, Digest: r.Digest, Status: status, Body: body, ExpiresAt: r.At + AnswerTTL.Microseconds()}
	if err == nil && r.Key != "" {
		s.Unit.Answers = append(s.Unit.Answers, a)
	}
	return a, err
}

// answer looks for an answer in the unit, where an earlier command of the same
// batch may have left it, and then in the store.
func (s *Session) answer(ctx context.Context, key string) (eventstore.Answer, bool, error) {
	for _, a := range s.Unit.Answers {
		if a.Key == key {
			return a, true, nil
		}
	}
	return s.Tx.Answer(ctx, key)
}
