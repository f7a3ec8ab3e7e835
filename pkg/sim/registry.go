package sim

import (
	"context"
	"errors"
	"sync"

	"github.com/murmuration-dev/murmuration/pkg/participant"
)

// Registry is a schema registry in memory that never fails. It is safe for
// concurrent use.
type Registry struct {
	mu   sync.Mutex
	text []string
}

// NewRegistry returns one without schemas.
func NewRegistry() *Registry { return &Registry{} }

// Register implements participant.Registry.
func (r *Registry) Register(_ context.Context, _, schema string) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, known := range r.text {
		if known == schema {
			return i + 1, nil
		}
	}
	r.text = append(r.text, schema)
	return len(r.text), nil
}

var errNoSchema = errors.New("no schema has this id")

// SchemaByID implements avro.SchemaSource.
func (r *Registry) SchemaByID(_ context.Context, id int) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if id < 1 || id > len(r.text) {
		return "", errNoSchema
	}
	return r.text[id-1], nil
}

var _ participant.Registry = (*Registry)(nil)
