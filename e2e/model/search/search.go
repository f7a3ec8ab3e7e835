package search

import (
	"errors"
	"fmt"
	"hash/maphash"
	"time"
)

// ErrTooLarge says that there are more states than Options.MaxStates.
var ErrTooLarge = errors.New("too many states")

// search is one exploration. The states are numbered in the order in which they
// are found, so that a state's number tells which of two is nearer to the first.
type search[S comparable, M any] struct {
	system System[S, M]
	opt    Options
	seed   maphash.Seed
	start  time.Time

	states pages[S]
	parent []uint32 // by which state each was found first
	table  []uint64 // open addressing: 32 bits of hash, 32 bits of number + 1

	// edges are the progress steps of state i: to[from[i]:from[i+1]].
	from []uint64
	to   []uint32

	result Result[S, M]
	found  *finding
}

// finding is a violation as it is met: at a state, or on its step.
type finding struct {
	property string
	state    uint32
	step     int // -1: the state itself
	cycle    []uint32
}

// Run explores system. It fails only with ErrTooLarge; the result then tells how
// far it came.
func Run[S comparable, M any](system System[S, M], opt Options) (Result[S, M], error) {
	if opt.Workers == 0 {
		opt.Workers = defaultWorkers
	}
	if opt.MaxStates == 0 {
		opt.MaxStates = defaultMaxStates
	}
	s := &search[S, M]{system: system, opt: opt, seed: maphash.MakeSeed(), start: time.Now(), table: make([]uint64, 1<<16)}
	s.add(system.Initial(), maphash.Comparable(s.seed, system.Initial()), 0)
	err := s.explore()
	if err == nil && s.found == nil {
		s.found = s.order()
	}
	s.result.States, s.result.Elapsed = s.states.n, time.Since(s.start)
	if err == nil && s.found != nil {
		s.result.Violation = s.violation(s.found)
	}
	return s.result, err
}

// explore finds all states, level by level, until a property is broken.
func (s *search[S, M]) explore() error {
	for lo := 0; lo < s.states.n; {
		hi := s.states.n
		if err := s.level(lo, hi); err != nil {
			return err
		}
		if s.found != nil {
			return nil
		}
		if lo = hi; lo < s.states.n {
			s.result.Depth++
		}
	}
	s.from = append(s.from, uint64(len(s.to)))
	return nil
}

// level expands the states from lo to hi. Workers expand, this goroutine merges
// in the order of the states.
func (s *search[S, M]) level(lo, hi int) error {
	e := s.expand(lo, hi)
	defer e.close()
	for at := lo; at < hi; {
		block := e.next()
		for i := range block.ends {
			if err := s.merge(uint32(at), block.of(i)); err != nil {
				return err
			}
			at++
			if at%progressEvery == 0 && s.opt.Progress != nil {
				s.opt.Progress(s.states.n, s.result.Transitions, s.result.Depth, time.Since(s.start))
			}
		}
		e.recycle(block)
	}
	return nil
}

// merge takes up what a worker found out about one state.
func (s *search[S, M]) merge(at uint32, x expansion[S, M]) error {
	s.from = append(s.from, uint64(len(s.to)))
	if x.fault != "" && (s.found == nil || s.found.step >= 0) {
		s.found = &finding{property: x.fault, state: at, step: -1}
	}
	if s.found != nil {
		return nil // only a state of the same level could still be nearer
	}
	if x.end {
		s.result.Ends++
	}
	for i := range x.steps {
		step := &x.steps[i]
		if step.Breaks != "" {
			s.found = &finding{property: step.Breaks, state: at, step: i}
			return nil
		}
		s.result.Transitions++
		number := s.add(step.To, step.hash, at)
		if step.Progress {
			s.to = append(s.to, number)
		}
	}
	if s.states.n > s.opt.MaxStates {
		return fmt.Errorf("%d states at depth %d: %w", s.states.n, s.result.Depth, ErrTooLarge)
	}
	return nil
}

// add returns the number of a state, a new one if it was never met.
func (s *search[S, M]) add(state S, hash uint64, parent uint32) uint32 {
	if 2*s.states.n >= len(s.table) {
		s.grow()
	}
	mask := uint64(len(s.table) - 1)
	tag := hash &^ 0xffffffff
	for i := hash & mask; ; i = (i + 1) & mask {
		switch entry := s.table[i]; {
		case entry == 0:
			number := uint32(s.states.n)
			s.table[i] = tag | uint64(number+1)
			s.states.add(state)
			s.parent = append(s.parent, parent)
			return number
		case entry&^0xffffffff == tag:
			if number := uint32(entry) - 1; s.states.at(int(number)) == state {
				return number
			}
		}
	}
}

func (s *search[S, M]) grow() {
	s.table = make([]uint64, 2*len(s.table))
	mask := uint64(len(s.table) - 1)
	for number := range s.states.n {
		hash := maphash.Comparable(s.seed, s.states.at(number))
		i := hash & mask
		for s.table[i] != 0 {
			i = (i + 1) & mask
		}
		s.table[i] = hash&^0xffffffff | uint64(number+1)
	}
}
