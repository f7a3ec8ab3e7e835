// Package stack starts whole platforms for tests: as a child process that can be
// killed, or inside the test's own process, where the race detector sees it.
//
// # Guarantee
//
// A stack that was returned is ready. Nothing that it started outlives Close. Its
// logs are kept, for the moment that a test fails.
//
// # What it does not do
//
// It keeps no addresses alive: a restart takes other ports, so ask Addresses each
// time.
package stack

import (
	"context"
	"errors"
	"time"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
)

// Part is what of a stack can be stopped apart from the rest.
type Part string

// Everything is the whole platform at once: the one part that every stack has.
const Everything Part = "everything"

// ErrNoSuchPart says that a stack cannot stop this part by itself.
var ErrNoSuchPart = errors.New("this stack has no such part")

// ErrState says that a part was asked to stop while stopped, or to start while
// running.
var ErrState = errors.New("the part is not in that state")

// Stack is a running platform. Its methods are safe for concurrent use; stopping
// and starting the same part from several goroutines is not.
type Stack interface {
	// Addresses are where the platform is now, or was last.
	Addresses() embedded.Addresses
	// Parts lists what Stop and Start accept.
	Parts() []Part
	// Stop ends a part in order and waits for it; an error if it did not end
	// cleanly.
	Stop(ctx context.Context, part Part) error
	// Start starts a stopped part on what it left, and waits until it is ready.
	Start(ctx context.Context, part Part) error
	// Close stops everything; the stack is of no use afterwards. Data folders
	// belong to whoever named them.
	Close() error
}

// Killer is a stack whose parts can end without a chance to do anything.
type Killer interface {
	Stack
	// Kill ends a part as kill -9 does, and waits until it is gone.
	Kill(ctx context.Context, part Part) error
}

const (
	// readyTimeout bounds a start: milliseconds usually, seconds when a machine
	// with few cores is busy with other tests.
	readyTimeout = 60 * time.Second
	// stopTimeout is above the longest drain of a service.
	stopTimeout = 40 * time.Second
	// brokerStopTimeout is for a broker, which does not end before the controllers let
	// it: not while most of them are away.
	brokerStopTimeout = 2 * time.Minute
	// pollEvery is how often a start looks: often enough not to be noticed.
	pollEvery = 10 * time.Millisecond
)
