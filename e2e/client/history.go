package client

import (
	"maps"
	"sync"
)

// History is what a client was promised and told. It is safe for concurrent use; the zero
// value is empty.
type History struct {
	mu       sync.Mutex
	orders   map[string]NewOrder
	returns  map[[2]string][]ReturnLine
	receipts map[[2]string]int64
	losses   map[[2]string]int64

	facts          map[string]fact // the newest told of each thing
	answers        int64
	contradictions []error
}

func (h *History) placed(id string, o NewOrder) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.orders == nil {
		h.orders = make(map[string]NewOrder)
	}
	h.orders[id] = o
}

func (h *History) returned(order, id string, lines []ReturnLine) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.returns == nil {
		h.returns = make(map[[2]string][]ReturnLine)
	}
	h.returns[[2]string{order, id}] = lines
}

func (h *History) received(sku, movement string, quantity int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.receipts == nil {
		h.receipts = make(map[[2]string]int64)
	}
	h.receipts[[2]string{sku, movement}] = quantity
}

func (h *History) wroteOff(sku, movement string, quantity int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.losses == nil {
		h.losses = make(map[[2]string]int64)
	}
	h.losses[[2]string{sku, movement}] = quantity
}

// Orders are the acknowledged orders by id, as they were asked for.
func (h *History) Orders() map[string]NewOrder {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.orders)
}

// ReturnedUnits are the units that were acknowledged as returned, by order and
// line.
func (h *History) ReturnedUnits() map[string]map[int32]int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make(map[string]map[int32]int64)
	for key, lines := range h.returns {
		if out[key[0]] == nil {
			out[key[0]] = make(map[int32]int64)
		}
		for _, l := range lines {
			out[key[0]][l.Line] += l.Quantity
		}
	}
	return out
}

// Received are the units acknowledged as received, by SKU; WrittenOff likewise.
func (h *History) Received() map[string]int64 { return h.sum(&h.receipts) }

// WrittenOff are the units acknowledged as written off, by SKU.
func (h *History) WrittenOff() map[string]int64 { return h.sum(&h.losses) }

func (h *History) sum(of *map[[2]string]int64) map[string]int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make(map[string]int64)
	for key, quantity := range *of {
		out[key[0]] += quantity
	}
	return out
}
