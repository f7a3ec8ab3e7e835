// Package decider gives the shape of a pure, event-sourced aggregate: a command
// is decided against a state into events, events evolve the state, and what was
// observed of others is reconciled into the next command.
//
// Guarantee: everything here is a pure function of its arguments. No clock, no
// randomness, no context, no I/O: time and identities arrive in commands. That
// is what allows the same functions to run in production, in a model checker and
// in a rebuild, and to give the same result in each.
//
// The pattern is Jérémie Chassaing's Functional Event Sourcing Decider; React
// adds the level-triggered reconciliation that a choreography on compacted
// topics needs: it looks at states, never at having seen a message.
package decider

import (
	"errors"
	"fmt"
)

// Decider is one kind of aggregate: S its state, C its commands, E its events.
// The zero value of S is the state before the first event.
type Decider[S, C, E any] struct {
	// Decide returns the events that a command leads to, none if there is
	// nothing to do (a repetition), or an error if it is refused. A refusal that
	// others must learn of is an event, not an error.
	Decide func(S, C) ([]E, error)
	// Evolve returns the state after an event. It cannot fail: what happened,
	// happened.
	Evolve func(S, E) S
}

// Fold returns the state after events.
func (d Decider[S, C, E]) Fold(state S, events ...E) S {
	for _, e := range events {
		state = d.Evolve(state, e)
	}
	return state
}

// Handle decides one command and returns the events with the state after them.
func (d Decider[S, C, E]) Handle(state S, command C) (S, []E, error) {
	events, err := d.Decide(state, command)
	if err != nil {
		return state, nil, err
	}
	return d.Fold(state, events...), events, nil
}

// MaxSteps bounds Settle. Real lattices are a handful of steps high; more means
// that a reaction does not move forward.
const MaxSteps = 16

// ErrNoFixpoint says that reactions went on for MaxSteps without coming to rest:
// a mistake in React.
var ErrNoFixpoint = errors.New("reactions do not come to rest")

// Settle reacts until there is nothing left to do, and returns all the events
// with the state after them. React returns the next command and whether there is
// one. A command that decides to no events also ends it.
func (d Decider[S, C, E]) Settle(state S, react func(S) (C, bool)) (S, []E, error) {
	var all []E
	for range MaxSteps {
		command, ok := react(state)
		if !ok {
			return state, all, nil
		}
		next, events, err := d.Handle(state, command)
		if err != nil {
			return state, all, err
		}
		if len(events) == 0 {
			return state, all, nil
		}
		state, all = next, append(all, events...)
	}
	return state, all, fmt.Errorf("after %d steps: %w", MaxSteps, ErrNoFixpoint)
}
