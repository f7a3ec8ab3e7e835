package eventstoretest

import (
	"embed"
	"io/fs"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// patience bounds every wait of the suite: it is only reached by a failure.
const patience = 20 * time.Second

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are goose files of the read model that the suite keeps. The
// stores that it is given must have been opened with them.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// Harness is one fresh, empty store and what the suite may do with it.
type Harness struct {
	// Store is closed by the harness when the test ends; the suite may close
	// it earlier.
	Store eventstore.Store
	// Reopen closes the store if it is still open, and opens the same data
	// again.
	Reopen func(t *testing.T) eventstore.Store
	// DSN is how a child process opens the same data, through the function
	// given to Main, while no store of this process has it open. Empty if no
	// other process can: nothing is killed then.
	DSN string
	// Deserted waits until nothing that a killed process has begun can still be
	// committed, which a database server notices late. It is called while no
	// store has the data open. Nil if a process takes its units with it.
	Deserted func(t *testing.T)
	// ConcurrentWriters tells that two units which share no stream can be
	// under way at once. Without it Begin waits for the unit before.
	ConcurrentWriters bool
}

// testCase is one promise of the port.
type testCase struct {
	name string
	run  func(t *testing.T, h Harness)
}

// Run puts a driver through the suite. open is called once for each case.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	for _, group := range [][]testCase{
		unitCases, conflictCases, lockCases, atomicCases, outboxCases, intentCases, inboxCases, readCases,
		lifeCases, killCases, scaleCases,
	} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
		}
	}
}
