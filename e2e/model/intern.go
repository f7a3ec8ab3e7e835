package model

import (
	"fmt"
	"sync"
)

// id stands for a value in a table; 0 is never handed out and means none. A state
// of the world is made of such numbers, which makes it small and comparable.
type id = uint16

// What an id can tell apart, and what the larger numbers of relays can: bounds
// that a search of bounded memory does not reach.
const (
	maxValues = 1 << 16
	maxRelays = 1 << 22
)

// table numbers the distinct values of one kind. Values are never changed. It is
// safe for concurrent use.
type table[K comparable, V any] struct {
	name   string
	mu     sync.RWMutex
	ids    map[K]uint32
	values []*V
	last   uint32
}

func newTable[K comparable, V any](name string, size int) *table[K, V] {
	return &table[K, V]{name: name, ids: make(map[K]uint32), values: make([]*V, size)}
}

// put returns the number of the value that key identifies.
func (t *table[K, V]) put(key K, value V) uint32 {
	t.mu.RLock()
	known, ok := t.ids[key]
	t.mu.RUnlock()
	if ok {
		return known
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, ok := t.ids[key]; ok {
		return known
	}
	if t.last++; int(t.last) == len(t.values) {
		panic(fmt.Sprintf("model: more than %d %s", len(t.values)-1, t.name))
	}
	// Whoever reads the value got its number from under this lock, or from
	// somebody who did.
	t.values[t.last] = &value
	t.ids[key] = t.last
	return t.last
}

// get returns a value that was put, or the zero value for 0.
func (t *table[K, V]) get(i uint32) V {
	if i == 0 {
		var none V
		return none
	}
	return *t.values[i]
}

// memo remembers the outcomes of a pure function. It is safe for concurrent use.
type memo[K comparable, V any] struct {
	mu    sync.RWMutex
	known map[K]V
}

func newMemo[K comparable, V any]() *memo[K, V] { return &memo[K, V]{known: make(map[K]V)} }

// of returns the outcome for key, calling f if it is not known yet.
func (m *memo[K, V]) of(key K, f func() V) V {
	m.mu.RLock()
	v, ok := m.known[key]
	m.mu.RUnlock()
	if ok {
		return v
	}
	v = f() // twice at worst, with the same outcome
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known[key] = v
	return v
}
