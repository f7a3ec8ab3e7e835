//go:build e2e

// Package console runs the commands of docs/console.md as they stand there, on
// Apache Kafka after a day of real orders, and checks what a person would see.
//
// A block of commands that is in the document and has no test here fails, and so
// does a test whose block is gone.
package console

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/murmuration-dev/murmuration/e2e/document"
	"github.com/murmuration-dev/murmuration/e2e/servers"
	"github.com/murmuration-dev/murmuration/e2e/stack"
)

const (
	page = "../../docs/console.md"
	// day is the day that the document replays.
	day = "../../cmd/murmur/replay/data/2010-12-01.csv.gz"
	// patience bounds one command; some download what they need.
	patience = 8 * time.Minute
)

var (
	all      *servers.Servers
	platform *stack.Process
	murmur   string            // the program
	folder   string            // where the commands run, one after the other
	blocks   map[string]string // by heading
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	var err error
	if folder, err = os.MkdirTemp("", "console"); err != nil {
		return complain(err)
	}
	defer func() { _ = os.RemoveAll(folder) }() // of a temporary folder
	defer func() {
		if err := end(); err != nil {
			code = complain(err)
		}
		if err := goleak.Find(); err != nil && code == 0 {
			code = complain(err)
		}
	}()
	if err := begin(context.Background()); err != nil {
		return complain(err)
	}
	return m.Run()
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// begin starts servers, a platform on them, and replays the day.
func begin(ctx context.Context) (err error) {
	if blocks, err = document.Commands(page); err != nil {
		return err
	}
	if murmur, err = stack.BuildMurmur(ctx, folder); err != nil {
		return err
	}
	if all, err = servers.Start(ctx); err != nil {
		return err
	}
	platform, err = stack.NewProcess(ctx, stack.ProcessConfig{
		Binary: murmur, Data: filepath.Join(folder, "data"),
		Args: []string{"--kafka", all.Brokers(), "--postgres", all.Postgres(), "--registry", all.Registry()},
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out, err := stack.Command(ctx, murmur, "replay", day, "--data", platform.Data())
	if err == nil && out.Code != 0 {
		err = fmt.Errorf("murmur replay: %s", out)
	}
	return err
}

func end() error {
	var errs []error
	if platform != nil {
		errs = append(errs, platform.Close())
	}
	if all != nil {
		errs = append(errs, all.Close())
	}
	return errors.Join(errs...)
}
