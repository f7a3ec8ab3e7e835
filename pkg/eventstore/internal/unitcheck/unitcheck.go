// Package unitcheck finds whatever can be found wrong with a unit of work
// before a driver writes it, so that all drivers refuse the same units.
package unitcheck

import (
	"fmt"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// Head is what a unit must know of a stream to write it.
type Head struct{ Version, Published int64 }

// Heads are the streams that a unit has loaded.
type Heads map[eventstore.StreamID]Head

// Check returns what is wrong with the unit. Errors: ErrNotLoaded,
// ErrRecordTooLarge, a ConflictError, or a mistake of the caller.
func Check(u eventstore.Unit, heads Heads) error {
	seen := make(map[eventstore.StreamID]struct{}, len(u.Changes))
	for i := range u.Changes {
		c := &u.Changes[i]
		if _, twice := seen[c.Stream]; twice {
			return fmt.Errorf("change %s: a unit changes a stream once", c.Stream)
		}
		seen[c.Stream] = struct{}{}
		if err := checkChange(c, heads); err != nil {
			return err
		}
	}
	for _, m := range u.Moves {
		if m.To < m.From {
			return fmt.Errorf("move %s/%d from %d back to %d", m.Topic, m.Partition, m.From, m.To)
		}
	}
	for _, s := range u.Statements {
		if err := Args(s.Args); err != nil {
			return fmt.Errorf("statement %q: %w", s.SQL, err)
		}
	}
	return nil
}

func checkChange(c *eventstore.Change, heads Heads) error {
	h, ok := heads[c.Stream]
	if !ok {
		return fmt.Errorf("change %s: %w", c.Stream, eventstore.ErrNotLoaded)
	}
	if c.Expected != h.Version {
		return &eventstore.ConflictError{What: "stream " + c.Stream.String(), Expected: c.Expected, Actual: h.Version}
	}
	if c.Record == nil {
		return nil
	}
	if len(c.Events) == 0 {
		// It would be the second row of its version, and a version names one row.
		return fmt.Errorf("change %s: a record needs an event", c.Stream)
	}
	if n := c.Record.Size(); n > eventstore.MaxRecordBytes {
		return fmt.Errorf("change %s: %w: %d of %d bytes", c.Stream, eventstore.ErrRecordTooLarge, n, eventstore.MaxRecordBytes)
	}
	return nil
}

// Args refuses types that only one of the databases would take.
func Args(args []any) error {
	for i, a := range args {
		switch a.(type) {
		case nil, string, int64, []byte:
		default:
			return fmt.Errorf("argument %d is of type %T: use string, int64, []byte or nil", i+1, a)
		}
	}
	return nil
}

// Empty tells that the unit writes nothing.
func Empty(u eventstore.Unit) bool {
	return len(u.Changes)+len(u.Intents)+len(u.FinishIntents)+len(u.Moves)+
		len(u.Park)+len(u.Unpark)+len(u.Answers)+len(u.Statements) == 0
}
