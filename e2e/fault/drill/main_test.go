//go:build e2e

package drill

import (
	"fmt"
	"os"
	"testing"

	tclog "github.com/testcontainers/testcontainers-go/log"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	tclog.SetDefault(quiet{}) // a hundred lines on containers would hide what this package says
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
