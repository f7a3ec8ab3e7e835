package search

// pageSize is how many values a page holds: enough that pages are few, and little
// enough that the last one is no waste.
const pageSize = 1 << 16

// pages is a list that grows without copying what it holds: doubling an array of
// a gigabyte would need two more. A copy of the value holds what the list held
// then, and may be read while the list grows.
type pages[T any] struct {
	list []*[pageSize]T
	n    int
}

func (p *pages[T]) add(v T) {
	if p.n == len(p.list)*pageSize {
		p.list = append(p.list, new([pageSize]T))
	}
	p.list[p.n/pageSize][p.n%pageSize] = v
	p.n++
}

func (p *pages[T]) at(i int) T { return p.list[i/pageSize][i%pageSize] }

// some returns the values from lo on that lie side by side, at most n.
func (p *pages[T]) some(lo, n int) []T {
	begin := lo % pageSize
	end := min(begin+n, pageSize)
	return p.list[lo/pageSize][begin:end:end]
}
