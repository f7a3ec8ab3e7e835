package kafka

import (
	"errors"
	"fmt"
	"testing"
)

func TestError_TellsWhyABrokerRefuses(t *testing.T) {
	for code, want := range map[Error]error{
		58: ErrUnauthenticated, 33: ErrUnauthenticated, 34: ErrUnauthenticated,
		29: ErrUnauthorized, 30: ErrUnauthorized, 31: ErrUnauthorized, 53: ErrUnauthorized,
	} {
		err := fmt.Errorf("ask: %w", code)
		other := ErrUnauthorized
		if errors.Is(want, ErrUnauthorized) {
			other = ErrUnauthenticated
		}
		if !errors.Is(err, want) || errors.Is(err, other) {
			t.Errorf("%v is not just %v", err, want)
		}
		if retriable(err) {
			t.Errorf("%v is tried again", err)
		}
	}
}
