//go:build kubernetes

package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/murmuration-dev/murmuration/e2e/document"
)

// page is the document whose commands are run.
const page = tree + "/docs/kubernetes.md"

var (
	blocks map[string]string // commands of the document, by heading
	folder string            // for whatever the tests write
	next   string            // a copy of the tree with a schema that has grown
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if folder, err = os.MkdirTemp("", "kubernetes"); err != nil {
		return complain(err)
	}
	defer func() { _ = os.RemoveAll(folder) }() // of a temporary folder
	if err := prepare(context.Background()); err != nil {
		return complain(err)
	}
	return m.Run()
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// prepare looks at the cluster, and makes all images known to it.
func prepare(ctx context.Context) (err error) {
	if blocks, err = document.Commands(page); err != nil {
		return err
	}
	if err := checkCluster(ctx); err != nil {
		return err
	}
	next = filepath.Join(folder, "next")
	customers := filepath.Join(folder, "customers")
	if err := errors.Join(os.Mkdir(next, 0o755), os.Mkdir(customers, 0o755)); err != nil {
		return err
	}
	if _, err := commands(ctx, tree, imaging); err != nil {
		return err
	}
	images, err := buildNext(ctx)
	if err != nil {
		return err
	}
	if err := buildCustomers(ctx, customers); err != nil {
		return err
	}
	return loadImages(ctx, append(images, customersImage)...)
}

// environment is what the commands of the document find, beside this process's own.
// Images are made from nothing, since a test takes nothing from elsewhere, unless
// BASE says otherwise.
func environment(more ...string) []string {
	base := os.Getenv("BASE")
	if base == "" {
		base = "scratch"
	}
	return append([]string{"LOAD=" + load(), "BASE=" + base}, more...)
}

// commands runs what the document has under a heading, as a person does who has done
// the setup, and returns all that a person sees: Helm shows the logs of tests beside
// its own output.
func commands(ctx context.Context, where, heading string, variables ...string) (string, error) {
	text, ok := blocks[heading]
	if !ok {
		return "", fmt.Errorf("%s has no commands under %q", page, heading)
	}
	return task{folder: where, environment: environment(variables...)}.
		both(ctx, "bash", "-c", "set -euo pipefail\n"+blocks[setup]+text)
}

// perform runs a block of the document in the tree.
func perform(t *testing.T, heading string, variables ...string) string {
	t.Helper()
	return performIn(t, tree, heading, variables...)
}

// performIn runs a block of the document in a copy of the tree.
func performIn(t *testing.T, where, heading string, variables ...string) string {
	t.Helper()
	out, err := commands(t.Context(), where, heading, variables...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
