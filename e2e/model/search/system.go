package search

import "time"

// System is what is explored: S its states, compared with ==, and M what a step
// is called. Its methods are called concurrently.
type System[S comparable, M any] interface {
	// Initial is where every run begins.
	Initial() S
	// Next appends all steps from s to steps, in an order that depends on s
	// alone. A step back to s itself may be left out.
	Next(s S, steps []Step[S, M]) []Step[S, M]
	// Check names the property that s breaks, or returns "".
	Check(s S) string
	// End names what is missing in s, where no progress is possible any more, or
	// returns "" if it is a good end.
	End(s S) string
}

// Step is one step from a state.
type Step[S comparable, M any] struct {
	To   S
	Move M
	// Progress says that the step is made in the end, if it stays possible.
	Progress bool
	// Breaks names the property that the step itself breaks, or is "".
	Breaks string

	hash uint64
}

// Options bound a search.
type Options struct {
	// Workers expand states; 0 means 2.
	Workers int
	// MaxStates stops the search with ErrTooLarge; 0 means 20 million, which
	// take about 3 GB if a state has 80 bytes.
	MaxStates int
	// Progress is called now and then, if not nil.
	Progress func(states, transitions, depth int, elapsed time.Duration)
}

const (
	defaultWorkers   = 2
	defaultMaxStates = 20_000_000
	// chunk is how many states a worker expands at once: enough to make handing
	// over cheap, few enough that the steps in memory stay some megabytes.
	chunk = 512
	// ahead bounds the chunks that are expanded and not yet merged.
	ahead = 16
	// progressEvery is how many states pass between two calls of Progress.
	progressEvery = 500_000
)

// Result is what a search found.
type Result[S comparable, M any] struct {
	States      int
	Transitions int
	// Depth is the number of steps to the state that is farthest from the first.
	Depth int
	// Ends is the number of states without progress.
	Ends int
	// Longest is the largest number of progress steps that can follow each
	// other: after the last fault and the last request, the system ends within
	// so many steps. Known only without a violation.
	Longest int
	Elapsed time.Duration
	// Violation is nil if all properties hold.
	Violation *Violation[S, M]
}

// Violation is a shortest run that breaks a property.
type Violation[S comparable, M any] struct {
	Property string
	// Run begins with the first state.
	First S
	Run   []Step[S, M]
	// Cycle is the index in Run of the state to which the last step returns, for
	// a violation that goes on for ever; else -1.
	Cycle int
}
