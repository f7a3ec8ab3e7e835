//go:build e2e

package hop

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/murmuration-dev/murmuration/e2e/servers"
)

const (
	// limit bounds a test, which takes seconds on an idle machine.
	limit = 4 * time.Minute
	// patience bounds each wait of a test: it is only reached by a failure.
	patience = time.Minute
	// poll is how often a test looks whether something has come about.
	poll = 5 * time.Millisecond
)

// all is one broker and one database server, which all tests share. Each has topics
// and a database of its own.
var all *servers.Servers

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	var err error
	all, err = servers.StartWithoutRegistry(context.Background())
	defer func() {
		if err := all.Close(); err != nil {
			code = complain(err)
		}
		if err := goleak.Find(); err != nil && code == 0 {
			code = complain(err)
		}
	}()
	if err != nil {
		return complain(err)
	}
	return m.Run()
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
