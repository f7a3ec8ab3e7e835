package sqlite

import (
	"errors"
	"fmt"
	"slices"
	"time"

	engine "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// group is one SQLite transaction under way, with the units that will become
// durable together.
type group struct {
	units   int
	opened  time.Time
	streams map[eventstore.StreamID]struct{} // written, not yet durable
	answers map[string]struct{}

	addedRows, addedIntents bool

	done chan struct{} // closed when the outcome is known
	err  error         // the outcome, valid after done
}

// wait returns the outcome. It does not end early: an unknown outcome is worse
// than a late one, and commits are short.
func (g *group) wait() error {
	<-g.done
	return g.err
}

// wrote tells whether the group changed one of the streams.
func (g *group) wrote(ids []eventstore.StreamID) bool {
	if len(g.streams) == 0 {
		return false
	}
	return slices.ContainsFunc(ids, func(id eventstore.StreamID) bool {
		_, ok := g.streams[id]
		return ok
	})
}

// commitError tells an error after which nothing was written from one after
// which the log may hold the commit: a write or fsync that the device refused.
func commitError(err error) error {
	var e *engine.Error
	if errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_IOERR {
		return fmt.Errorf("commit: %w: %w", eventstore.ErrOutcomeUnknown, err)
	}
	return fmt.Errorf("commit: %w", err)
}
