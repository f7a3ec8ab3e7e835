package search

import "slices"

// order proves that progress comes to an end: it removes states to which no
// progress leads, one after the other, until none is left. What cannot be
// removed lies on a cycle or behind one.
func (s *search[S, M]) order() *finding {
	waits := make([]uint32, s.states.n) // progress steps into a state, from states not removed yet
	for _, to := range s.to {
		waits[to]++
	}
	rank := make([]uint32, s.states.n) // progress steps that can lead to a state
	queue := make([]uint32, 0, s.states.n)
	for i, n := range waits {
		if n == 0 {
			queue = append(queue, uint32(i))
		}
	}
	for at := 0; at < len(queue); at++ {
		i := queue[at]
		for _, to := range s.to[s.from[i]:s.from[i+1]] {
			rank[to] = max(rank[to], rank[i]+1)
			if waits[to]--; waits[to] == 0 {
				queue = append(queue, to)
			}
		}
	}
	if len(queue) < s.states.n {
		return &finding{property: "progress goes round in a circle", step: -1, cycle: s.cycle(waits)}
	}
	s.result.Longest = int(slices.Max(rank))
	return nil
}

// cycle returns the states of one cycle, the nearest state to the first leading.
// Every state that waits has a predecessor that waits too: going back long enough
// closes a circle.
func (s *search[S, M]) cycle(waits []uint32) []uint32 {
	back := make(map[uint32]uint32)
	for i := range uint32(s.states.n) {
		if waits[i] == 0 {
			continue
		}
		for _, to := range s.to[s.from[i]:s.from[i+1]] {
			if _, known := back[to]; !known && waits[to] > 0 {
				back[to] = i
			}
		}
	}
	at := uint32(slices.IndexFunc(waits, func(n uint32) bool { return n > 0 }))
	met := map[uint32]int{}
	var way []uint32
	for {
		if begin, again := met[at]; again {
			way = way[begin:]
			break
		}
		met[at] = len(way)
		way = append(way, at)
		at = back[at]
	}
	slices.Reverse(way)
	first := slices.Index(way, slices.Min(way))
	return slices.Concat(way[first:], way[:first])
}

// violation turns a finding into the run that leads to it.
func (s *search[S, M]) violation(f *finding) *Violation[S, M] {
	v := &Violation[S, M]{Property: f.property, First: s.states.at(0), Cycle: -1}
	end := f.state
	if len(f.cycle) > 0 {
		end = f.cycle[0]
	}
	way := []uint32{end}
	for way[len(way)-1] != 0 {
		way = append(way, s.parent[way[len(way)-1]])
	}
	slices.Reverse(way)
	for i := range way[1:] {
		v.Run = append(v.Run, s.between(way[i], way[i+1], false))
	}
	switch {
	case len(f.cycle) > 0:
		v.Cycle = len(v.Run)
		for i := range f.cycle {
			v.Run = append(v.Run, s.between(f.cycle[i], f.cycle[(i+1)%len(f.cycle)], true))
		}
	case f.step >= 0:
		v.Run = append(v.Run, s.system.Next(s.states.at(int(f.state)), nil)[f.step])
	}
	return v
}

// between finds a step from one state to another again.
func (s *search[S, M]) between(from, to uint32, progress bool) Step[S, M] {
	for _, step := range s.system.Next(s.states.at(int(from)), nil) {
		if step.To == s.states.at(int(to)) && (step.Progress || !progress) {
			return step
		}
	}
	panic("search: the system is no function of its states")
}
