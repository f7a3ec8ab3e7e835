//go:build e2e

package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	tcexec "github.com/testcontainers/testcontainers-go/exec"
)

// Log is the end of what each container has said, for people.
func (s *Containers) Log() string {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	var text strings.Builder
	for _, part := range s.Parts() {
		if b, err := s.box(part); err == nil {
			fmt.Fprintf(&text, "--- %s\n%s", part, b.tail(ctx))
		}
	}
	return text.String()
}

// KeepLogs writes everything that each container has said, over all its runs, to a
// file of its own, in a new folder whose name it returns: below the folder that
// E2E_LOGS names, or that for temporary files.
func (s *Containers) KeepLogs(ctx context.Context) (folder string, err error) {
	if folder, err = os.MkdirTemp(os.Getenv("E2E_LOGS"), "containers-"); err != nil {
		return folder, err
	}
	var errs []error
	for _, part := range s.Parts() {
		b, err := s.box(part)
		if err != nil {
			continue // Everything
		}
		errs = append(errs, b.keep(ctx, filepath.Join(folder, string(part)+".log")))
	}
	return folder, errors.Join(errs...)
}

func (b *box) keep(ctx context.Context, file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(b.write(ctx, f, "all"), f.Close())
}

func (b *box) exec(ctx context.Context, command []string) (Output, error) {
	o := Output{Code: -1}
	code, said, err := b.of.Exec(ctx, command, tcexec.Multiplexed())
	if err != nil {
		return o, fmt.Errorf("exec %q in %s: %w", command, b.part, err)
	}
	text, err := io.ReadAll(said)
	o.Code, o.Stdout = code, string(text)
	return o, err
}
