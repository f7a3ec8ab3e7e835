package sim

import (
	"context"
	"encoding/json"

	"github.com/murmuration-dev/murmuration/pkg/outbox"
)

// EncodePosition and DecodePosition give position records a form, for
// outbox.Deps: a service's own has to do with its registry, not with its order.
func EncodePosition(p outbox.Position) ([]byte, error) { return json.Marshal(p) }

// DecodePosition reads what EncodePosition wrote.
func DecodePosition(_ context.Context, value []byte) (p outbox.Position, err error) {
	err = json.Unmarshal(value, &p)
	return p, err
}
