package registry

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/murmuration-dev/murmuration/pkg/avro"
)

// Registry keeps schemas. It is safe for concurrent use.
type Registry struct {
	file string // "" keeps everything in memory

	// current is never changed, only replaced, so that readers need no lock.
	current atomic.Pointer[state]

	mu     sync.Mutex // held by the one who replaces current
	closed bool
}

// Open reads the registry in the folder dir, which is created if it is not
// there; with an empty dir it starts empty and keeps nothing. It fails if the
// folder cannot be used, or if its file is damaged: starting empty instead
// would give ids away again.
func Open(dir string) (*Registry, error) {
	r := &Registry{}
	r.current.Store(newState())
	if dir == "" {
		return r, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open schema registry: %w", err)
	}
	r.file = filepath.Join(dir, fileName)
	s, err := load(r.file)
	if err != nil {
		return nil, fmt.Errorf("open schema registry: %w", err)
	}
	r.current.Store(s)
	return r, nil
}

// Close makes the registry refuse changes from now on, once a change under way
// is on the disk. It still answers questions.
func (r *Registry) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return nil
}

// Handler serves the API at the root.
func (r *Registry) Handler() http.Handler { return routes(r) }

// change replaces the state by what edit makes of a copy of it, after that is
// on the disk. If edit or the disk fails, nothing has changed.
func (r *Registry) change(edit func(*state) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return errStore(errors.New("the registry is closed"))
	}
	next := r.current.Load().clone()
	if err := edit(next); err != nil {
		return err
	}
	if r.file != "" {
		if err := save(r.file, next); err != nil {
			return errStore(err)
		}
	}
	r.current.Store(next)
	return nil
}

// register returns the id of text as a version of the subject.
func (r *Registry) register(subject, text string) (int, error) {
	key, err := identity(text)
	if err != nil {
		return 0, err
	}
	if v, ok := r.current.Load().find(subject, key); ok {
		return v.ID, nil // the common case at every start of a service
	}
	var id int
	err = r.change(func(s *state) error {
		if v, ok := s.find(subject, key); ok {
			id = v.ID
			return nil
		}
		if err := avro.CheckLevel(s.level(subject), text, s.texts(subject)...); err != nil {
			return errIncompatible(subject, err)
		}
		id, err = s.add(subject, key, text)
		return err
	})
	return id, err
}
