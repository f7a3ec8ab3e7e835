package search

import (
	"hash/maphash"
	"sync"
)

// expansion is what follows from one state.
type expansion[S comparable, M any] struct {
	steps []Step[S, M]
	fault string // the property that the state breaks
	end   bool
}

// block is the expansion of some consecutive states.
type block[S comparable, M any] struct {
	steps  []Step[S, M]
	ends   []int // of each state's steps
	faults []string
	end    []bool
}

func (b *block[S, M]) of(i int) expansion[S, M] {
	begin := 0
	if i > 0 {
		begin = b.ends[i-1]
	}
	return expansion[S, M]{steps: b.steps[begin:b.ends[i]], fault: b.faults[i], end: b.end[i]}
}

// expander lets workers expand states and hands the blocks out in order.
type expander[S comparable, M any] struct {
	blocks  chan chan *block[S, M]
	spare   chan *block[S, M]
	stop    chan struct{}
	running sync.WaitGroup
}

type job[S comparable, M any] struct {
	states []S
	done   chan *block[S, M]
}

func (s *search[S, M]) expand(lo, hi int) *expander[S, M] {
	states := s.states // as they are now: the merger adds to the list
	e := &expander[S, M]{
		blocks: make(chan chan *block[S, M], ahead), spare: make(chan *block[S, M], ahead+1), stop: make(chan struct{}),
	}
	jobs := make(chan job[S, M])
	e.running.Go(func() {
		defer close(jobs)
		for lo < hi {
			j := job[S, M]{states: states.some(lo, min(chunk, hi-lo)), done: make(chan *block[S, M], 1)}
			lo += len(j.states)
			select {
			case e.blocks <- j.done:
			case <-e.stop:
				return
			}
			select {
			case jobs <- j:
			case <-e.stop:
				return
			}
		}
	})
	for range s.opt.Workers {
		e.running.Go(func() {
			for j := range jobs {
				var b *block[S, M]
				select {
				case b = <-e.spare:
				default:
					b = &block[S, M]{}
				}
				s.fill(b, j.states)
				j.done <- b
			}
		})
	}
	return e
}

func (s *search[S, M]) fill(b *block[S, M], states []S) {
	b.steps, b.ends, b.faults, b.end = b.steps[:0], b.ends[:0], b.faults[:0], b.end[:0]
	for _, state := range states {
		begin := len(b.steps)
		b.steps = s.system.Next(state, b.steps)
		progress := false
		for i := begin; i < len(b.steps); i++ {
			b.steps[i].hash = maphash.Comparable(s.seed, b.steps[i].To)
			progress = progress || b.steps[i].Progress
		}
		fault := s.system.Check(state)
		if fault == "" && !progress {
			fault = s.system.End(state)
		}
		b.ends = append(b.ends, len(b.steps))
		b.faults = append(b.faults, fault)
		b.end = append(b.end, !progress)
	}
}

// next waits for the next block. It must not be called after the last one.
func (e *expander[S, M]) next() *block[S, M] { return <-<-e.blocks }

func (e *expander[S, M]) recycle(b *block[S, M]) {
	select {
	case e.spare <- b:
	default:
	}
}

func (e *expander[S, M]) close() {
	close(e.stop)
	e.running.Wait()
}
