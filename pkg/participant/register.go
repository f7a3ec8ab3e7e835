package participant

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/pkg/avro"
)

// errNotRegistered says that a registry which answers lacks a schema, and that
// somebody else has to register it.
var errNotRegistered = errors.New("the schema is not registered yet")

// registrar is a registry where what is there already is only looked up: so whoever
// may read, and finds all schemas, needs no right to write.
type registrar struct {
	*avro.Registry
	// registers whatever is missing; without it that is an error.
	registers bool
	log       *zap.Logger
}

// Register implements Registry. It also sees to it that the registry refuses what
// readers of any version could not read; one that does not let it is obeyed. Error:
// errNotRegistered, also with avro.ErrUnauthorized where the right is what lacks.
func (r *registrar) Register(ctx context.Context, subject, schema string) (int, error) {
	id, lookedUp := r.Lookup(ctx, subject, schema)
	unknown := errors.Is(lookedUp, avro.ErrUnknownSchema)
	switch {
	case lookedUp != nil && isAway(lookedUp):
		return 0, lookedUp
	case unknown && !r.registers:
		return 0, fmt.Errorf("%w under %s", errNotRegistered, subject)
	case !r.registers:
		return id, lookedUp
	}
	if lookedUp != nil {
		var err error
		id, err = r.Registry.Register(ctx, subject, schema)
		if unknown && errors.Is(err, avro.ErrUnauthorized) {
			return 0, fmt.Errorf("%w, and this user may not: %w", errNotRegistered, err)
		}
		if err != nil {
			return 0, err
		}
	}
	if err := r.EnsureCompatibility(ctx, subject, avro.LevelFullTransitive); err != nil {
		r.log.Warn("the registry will not check every new schema against all versions", zap.String("subject", subject), zap.Error(err))
	}
	return id, nil
}

// isAway tells a registry that gives no answer from one that refuses.
func isAway(err error) bool {
	return errors.Is(err, avro.ErrUnavailable) && !errors.Is(err, avro.ErrUnauthorized)
}
