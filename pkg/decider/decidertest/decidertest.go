// Package decidertest lets tests of a decider read as sentences: given what
// happened, when a command arrives, then these events follow.
//
//	decidertest.For(t, orders).Given(placed).When(order.Confirm{}).Then(order.Confirmed{})
package decidertest

import (
	"errors"
	"reflect"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/decider"
)

// Spec is a sentence that still lacks its history.
type Spec[S, C, E any] struct {
	t     testing.TB
	d     decider.Decider[S, C, E]
	state S
}

// For starts a sentence.
func For[S, C, E any](t testing.TB, d decider.Decider[S, C, E]) Spec[S, C, E] {
	t.Helper()
	return Spec[S, C, E]{t: t, d: d}
}

// Given adds events that happened before.
func (s Spec[S, C, E]) Given(events ...E) Spec[S, C, E] {
	s.state = s.d.Fold(s.state, events...)
	return s
}

// When decides a command.
func (s Spec[S, C, E]) When(command C) Outcome[S, C, E] {
	s.t.Helper()
	state, events, err := s.d.Handle(s.state, command)
	return Outcome[S, C, E]{t: s.t, state: state, events: events, err: err}
}

// Outcome is a sentence that still lacks its end.
type Outcome[S, C, E any] struct {
	t      testing.TB
	state  S
	events []E
	err    error
}

// Then fails the test unless exactly these events followed.
func (o Outcome[S, C, E]) Then(want ...E) {
	o.t.Helper()
	if o.err != nil {
		o.t.Fatalf("refused: %v", o.err)
	}
	if len(o.events) != len(want) {
		o.t.Fatalf("%d events %+v, want %d %+v", len(o.events), o.events, len(want), want)
	}
	for i := range want {
		if !reflect.DeepEqual(o.events[i], want[i]) {
			o.t.Errorf("event %d is %#v, want %#v", i+1, o.events[i], want[i])
		}
	}
}

// ThenNothing fails the test unless the command was accepted without events.
func (o Outcome[S, C, E]) ThenNothing() {
	o.t.Helper()
	o.Then()
}

// ThenError fails the test unless the command was refused with this error.
func (o Outcome[S, C, E]) ThenError(want error) {
	o.t.Helper()
	if !errors.Is(o.err, want) {
		o.t.Fatalf("error is %v, want %v", o.err, want)
	}
	if len(o.events) != 0 {
		o.t.Fatalf("a refused command led to %+v", o.events)
	}
}

// ThenState fails the test unless the command led to this state.
func (o Outcome[S, C, E]) ThenState(want S) {
	o.t.Helper()
	if o.err != nil {
		o.t.Fatalf("refused: %v", o.err)
	}
	if !reflect.DeepEqual(o.state, want) {
		o.t.Fatalf("state is %+v, want %+v", o.state, want)
	}
}
