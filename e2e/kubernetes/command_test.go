//go:build kubernetes

package kubernetes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	// patience bounds one command: the longest ones wait for a whole platform.
	patience = 8 * time.Minute
	// lookEvery is how often it is looked whether something has come about.
	lookEvery = 500 * time.Millisecond
	// soon is when what takes seconds must have come about on a busy machine.
	soon = 4 * time.Minute
	// outlive is how long output is waited for of what a command left running.
	outlive = 2 * time.Second
)

// task is a program to run to its end.
type task struct {
	folder      string
	environment []string // beside this process's own
	input       string
}

// run returns what a program printed; its complaints are in the error. What it left
// running is ended.
func (t task) run(ctx context.Context, program string, args ...string) (string, error) {
	out, _, err := t.end(ctx, program, args...)
	return out, err
}

// both is run, with the warnings among what was printed.
func (t task) both(ctx context.Context, program string, args ...string) (string, error) {
	out, warnings, err := t.end(ctx, program, args...)
	return out + warnings, err
}

func (t task) end(ctx context.Context, program string, args ...string) (printed, warned string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c := exec.CommandContext(ctx, program, args...)
	c.Dir, c.Stdin, c.WaitDelay = t.folder, strings.NewReader(t.input), outlive
	c.Env = append(os.Environ(), t.environment...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	end := func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.Cancel = end
	var out, wrong bytes.Buffer
	c.Stdout, c.Stderr = &out, &wrong
	err = c.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it ended well, and something that it left running has its output
	}
	if c.Process != nil {
		_ = end() // nothing may be left of the group
	}
	if err != nil {
		line := strings.Join(append([]string{program}, args...), " ")
		err = fmt.Errorf("%s: %w\n%s%s", clip(line), err, clip(out.String()), clip(wrong.String()))
	}
	return out.String(), wrong.String(), err
}

// clip keeps what is said of a failure readable.
func clip(text string) string {
	const most = 6000
	if len(text) <= most {
		return text
	}
	return text[:most/2] + "\n…\n" + text[len(text)-most/2:]
}

// try runs a program that may fail.
func try(t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	return task{}.run(t.Context(), program, args...)
}

// must runs a program.
func must(t *testing.T, program string, args ...string) string {
	t.Helper()
	return mustFeed(t, "", program, args...)
}

// mustFeed runs a program with an input.
func mustFeed(t *testing.T, input, program string, args ...string) string {
	t.Helper()
	out, err := task{input: input}.run(t.Context(), program, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// afterwards runs a program when a test is over, whose own context has ended by then.
func afterwards(t *testing.T, program string, args ...string) {
	t.Helper()
	t.Cleanup(func() {
		if _, err := (task{}).run(context.Background(), program, args...); err != nil {
			t.Error(err)
		}
	})
}

// in are the arguments of a command about one namespace.
func in(namespace string, args ...string) []string {
	return append([]string{"--namespace", namespace}, args...)
}

// eventually repeats look until it has no complaint.
func eventually(t *testing.T, look func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		err := look()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not within %v: %v", soon, err)
		case <-tick.C:
		}
	}
}

// pass lets time pass in which something is watched by others.
func pass(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-t.Context().Done():
	case <-timer.C:
	}
}
