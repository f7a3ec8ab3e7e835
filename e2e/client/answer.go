package client

import (
	"fmt"
	"slices"
)

// contradictionLimit bounds what is kept: one mistake can show a thousand times.
const contradictionLimit = 20

// fact is what one answer said of one thing.
type fact struct {
	version int64
	status  string
	fixed   string  // never changes
	growing []int64 // never get smaller
}

// follows says which statuses an order may have after one; a thing without
// statuses has the empty one for ever.
var follows = map[string][]string{
	"":        {""},
	Placed:    {Placed, Confirmed, Completed, Cancelled, Returned},
	Confirmed: {Confirmed, Completed, Cancelled, Returned},
	Completed: {Completed, Returned},
	Cancelled: {Cancelled},
	Returned:  {Returned},
}

// contradicts says how a fact cannot be true after an older one, or of the same
// version.
func (f fact) contradicts(older fact) error {
	switch {
	case f.fixed != older.fixed:
		return fmt.Errorf("%s at version %d and %s at version %d", older.fixed, older.version, f.fixed, f.version)
	case f.version == older.version && (f.status != older.status || !slices.Equal(f.growing, older.growing)):
		return fmt.Errorf("%s %v and %s %v at the same version %d", older.status, older.growing, f.status, f.growing, f.version)
	case !slices.Contains(follows[older.status], f.status):
		return fmt.Errorf("%s at version %d after %s at version %d", f.status, f.version, older.status, older.version)
	}
	for i := range min(len(f.growing), len(older.growing)) {
		if f.growing[i] < older.growing[i] {
			return fmt.Errorf("%v at version %d after %v at version %d", f.growing, f.version, older.growing, older.version)
		}
	}
	return nil
}

func (o Order) fact() fact {
	f := fact{version: o.Version, status: o.Status, growing: []int64{o.RefundDue}}
	f.fixed = fmt.Sprintf("%d %s", o.Total, o.Currency)
	for _, l := range o.Lines {
		f.fixed += fmt.Sprintf(" %d×%s", l.Quantity, l.SKU)
		f.growing = append(f.growing, l.Returned)
	}
	return f
}

func (s Stock) fact() fact {
	return fact{version: s.Version, fixed: s.SKU, growing: []int64{s.Received, s.Committed, s.Restocked, s.WrittenOff}}
}

// floor is the newest version that was told of a thing: an answer to a request
// that is sent now must not be older.
func (h *History) floor(thing string) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.facts[thing].version
}

// told enters an answer. The floor is what was known when its request was sent;
// zero for an answer that may be a repeated one.
func (h *History) told(thing string, floor int64, f fact) {
	if f.version == 0 {
		return // an answer that says nothing of the thing
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answers++
	if f.version < floor {
		h.contradicted(fmt.Errorf("%s: version %d was told after version %d", thing, f.version, floor))
	}
	before, known := h.facts[thing]
	if !known {
		if h.facts == nil {
			h.facts = make(map[string]fact)
		}
		h.facts[thing] = f
		return
	}
	older, newer := before, f
	if older.version > newer.version {
		older, newer = newer, older // answers that crossed
	}
	if err := newer.contradicts(older); err != nil {
		h.contradicted(fmt.Errorf("%s: %w", thing, err))
	}
	h.facts[thing] = newer
}

func (h *History) contradicted(err error) {
	if len(h.contradictions) < contradictionLimit {
		h.contradictions = append(h.contradictions, err)
	}
}

// Contradictions are answers that an earlier answer ruled out, the first of them.
func (h *History) Contradictions() []error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.contradictions)
}

// Answers counts those that were compared with what was told before.
func (h *History) Answers() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.answers
}

// Contradicted says how the last state of an order, read elsewhere, differs from
// what was answered about it.
func (h *History) Contradicted(last Order) error {
	h.mu.Lock()
	before, known := h.facts[orderThing(last.OrderID)]
	h.mu.Unlock()
	if !known {
		return nil
	}
	now := last.fact()
	if now.version < before.version {
		return fmt.Errorf("answered as version %d, kept as version %d", before.version, now.version)
	}
	return now.contradicts(before)
}

func orderThing(id string) string  { return "order " + id }
func stockThing(sku string) string { return "stock " + sku }
