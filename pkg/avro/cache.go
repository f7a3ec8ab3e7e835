package avro

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// missingFor is how long an id that the registry does not know is not asked
	// for again: long enough that a run of corrupt records does not flood the
	// registry, short enough that an id which appears is soon found.
	missingFor = 5 * time.Second
	// maxMissing bounds the ids remembered as missing; corrupt records can name
	// four billion.
	maxMissing = 1024
)

// schemaCache keeps schemas by id, and lets concurrent look-ups of one id share
// one request, which the first of them makes in its own goroutine.
type schemaCache struct {
	now func() time.Time

	mu      sync.Mutex
	texts   map[int]string
	missing map[int]missing
	flights map[int]*flight
}

type missing struct {
	err   error
	until time.Time
}

// flight is a request under way. Its result may be read once done is closed.
type flight struct {
	done  chan struct{}
	text  string
	err   error
	ended bool // the caller who made the request gave up
}

func newSchemaCache() schemaCache {
	return schemaCache{
		now:     time.Now,
		texts:   make(map[int]string),
		missing: make(map[int]missing),
		flights: make(map[int]*flight),
	}
}

func (c *schemaCache) put(id int, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.texts[id] = text
	delete(c.missing, id)
}

// get returns the text of id from memory, from the request of another caller,
// or from fetch.
func (c *schemaCache) get(ctx context.Context, id int, fetch func() (string, error)) (string, error) {
	for {
		text, f, mine, err := c.look(id)
		switch {
		case f == nil:
			return text, err
		case mine:
			c.fly(ctx, id, f, fetch)
			return f.text, f.err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return "", asKind(ErrUnavailable, ctx.Err())
		}
		if !f.ended {
			return f.text, f.err
		}
	}
}

// look returns what is known of id, or the flight to wait for, or a new one of
// the caller's own.
func (c *schemaCache) look(id int) (text string, f *flight, mine bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if text, ok := c.texts[id]; ok {
		return text, nil, false, nil
	}
	if m, ok := c.missing[id]; ok && c.now().Before(m.until) {
		return "", nil, false, m.err
	}
	if f, ok := c.flights[id]; ok {
		return "", f, false, nil
	}
	f = &flight{done: make(chan struct{})}
	c.flights[id] = f
	return "", f, true, nil
}

func (c *schemaCache) fly(ctx context.Context, id int, f *flight, fetch func() (string, error)) {
	f.err = asKind(ErrUnavailable, errors.New("the request did not return")) // if fetch panics
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.flights, id)
		f.ended = f.err != nil && ctx.Err() != nil
		switch {
		case f.err == nil:
			c.texts[id] = f.text
			delete(c.missing, id)
		case errors.Is(f.err, ErrUnknownSchema):
			if len(c.missing) >= maxMissing {
				clear(c.missing)
			}
			c.missing[id] = missing{err: f.err, until: c.now().Add(missingFor)}
		}
		close(f.done)
	}()
	f.text, f.err = fetch()
}
