package replay

import (
	"cmp"
	"fmt"
	"slices"
)

// shelf collects what moves stock: opening stock by file and SKU, so that a file
// brings the same whichever others it is replayed with.
type shelf struct {
	plan  *Plan
	stock map[string]*stocked
}

type stocked struct {
	ordered, lost    []int64 // by file
	found, writeOffs []Movement
}

func newShelf(p *Plan) *shelf { return &shelf{plan: p, stock: make(map[string]*stocked)} }

func (s *shelf) of(sku string) *stocked {
	k := s.stock[sku]
	if k == nil {
		n := len(s.plan.Files)
		k = &stocked{ordered: make([]int64, n), lost: make([]int64, n)}
		s.stock[sku] = k
	}
	return k
}

func (s *shelf) ordered(e *entry) { s.of(e.SKU).ordered[e.File] += e.Quantity }

func (s *shelf) writeOff(e *entry) {
	k := s.of(e.SKU)
	k.lost[e.File] -= e.Quantity
	k.writeOffs = append(k.writeOffs, Movement{
		ID: s.name("lost", e.File, e.Number), Kind: writeOff, Quantity: -e.Quantity, Reason: e.Description, line: e,
	})
}

func (s *shelf) found(e *entry) {
	k := s.of(e.SKU)
	k.found = append(k.found, Movement{ID: s.name("found", e.File, e.Number), Kind: found, Quantity: e.Quantity, Reason: e.Description, line: e})
}

// digestShown is how much of a file's digest names a movement: enough to keep
// apart all the files that anyone replays.
const digestShown = 16

// name is the id of a movement: the same at every run.
func (s *shelf) name(what string, file, line int) string {
	return fmt.Sprintf("replay:%s:%s:%d", s.plan.Files[file].Digest[:digestShown], what, line)
}

// maxMovement is what the platform takes at once.
const maxMovement = 1_000_000_000

func (s *shelf) items() []*Item {
	items := make([]*Item, 0, len(s.stock))
	for sku, k := range s.stock {
		item := &Item{SKU: sku}
		for file := range s.plan.Files {
			if n := s.plan.Assumptions.opening(k.ordered[file], k.lost[file]); n > 0 {
				item.Movements = append(item.Movements, Movement{ID: s.name("opening", file, 0), Kind: opening, Quantity: min(n, maxMovement)})
			}
		}
		item.Movements = append(append(item.Movements, k.found...), k.writeOffs...)
		if len(item.Movements) > 0 {
			items = append(items, item)
		}
	}
	slices.SortFunc(items, func(a, b *Item) int { return cmp.Compare(a.SKU, b.SKU) })
	return items
}
