package outbox

import (
	"context"
	"strings"
	"sync"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// A gate keeps what acts on the database's word from starting before that word
// was compared with the log.
type gate struct {
	once sync.Once
	open chan struct{}
}

func newGate() *gate { return &gate{open: make(chan struct{})} }

func (g *gate) pass() { g.once.Do(func() { close(g.open) }) }

// AfterRecovery returns task, held back until the database is known to agree with
// the log: a database that was set back holds states that nobody else believes in,
// and whatever reads records or calls others on the strength of them would spread
// them. Use it for inbox and intents; requests may be taken meanwhile, since the
// relay publishes none of what they lead to.
//
// It is known once this process's relay has recovered, or once another one, which
// has, was seen to renew its lease: replicas without the lease wait for about one
// renewal, not for the lease. Without a relay that reaches the log, task waits.
// What was known once stays so: it does not notice a database that is set back
// under a process that runs, but its relay does, and ends.
//
// The task returns nil when ctx ends before it was started.
func (r *Relay) AfterRecovery(task func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-r.gate.open:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return nil
		}
		return task(ctx)
	}
}

// Recovered tells what AfterRecovery waits for, without waiting.
func (r *Relay) Recovered() bool {
	select {
	case <-r.gate.open:
		return true
	default:
		return false
	}
}

// recoveredMark follows the name of a lease's owner who has recovered: for those
// that stand by, and for people who look at the table.
const recoveredMark = " (recovered)"

// holder is the owner's name alone.
func holder(s eventstore.LeaseState) string { return strings.TrimSuffix(s.Owner, recoveredMark) }

// vouched tells whether somebody who has recovered renewed the lease between two
// looks. One look is not enough: a database that was set back brings along the
// lease of its time, and nobody renews that.
func vouched(before, after eventstore.LeaseState) bool {
	return after.Counter > before.Counter && strings.HasSuffix(after.Owner, recoveredMark)
}
