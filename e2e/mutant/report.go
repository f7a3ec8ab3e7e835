package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// report is what the tests of a run said, by test.
type report struct{ events []event }

// event is one of go test -json.
type event struct {
	Action, Test, Output string
	Elapsed              float64 // seconds
}

// of tells whether it is about a test or one of its parts.
func (e event) of(test string) bool { return e.Test == test || strings.HasPrefix(e.Test, test+"/") }

// runJSON runs tests of a package. Tests that fail are no error; what does not compile
// is, and what ends before any test has.
func runJSON(ctx context.Context, pkg, pattern string, flags ...string) (report, error) {
	ctx, cancel := context.WithTimeout(ctx, stackPatience)
	defer cancel()
	args := slices.Concat([]string{"test", "-json", "-tags", "e2e", "-count", "1", "-timeout", (stackPatience - time.Minute).String()},
		flags, []string{"-run", pattern, pkg})
	var out, complaints bytes.Buffer
	cmd := goCommand(ctx, args...)
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || ctx.Err() != nil) {
		return report{}, errors.Join(err, ctx.Err())
	}
	r, failed := parseReport(&out)
	if failed != nil {
		return report{}, fmt.Errorf("%s: %w\n%s", pkg, failed, complaints.Bytes())
	}
	return r, nil
}

func parseReport(out io.Reader) (r report, err error) {
	for d := json.NewDecoder(out); ; {
		var e event
		if err := d.Decode(&e); err != nil {
			if !errors.Is(err, io.EOF) {
				return r, fmt.Errorf("read what go test said: %w", err)
			}
			break
		}
		r.events = append(r.events, e)
	}
	switch {
	case slices.ContainsFunc(r.events, func(e event) bool { return e.Action == "build-fail" }):
		return r, fmt.Errorf("it does not compile:\n%s", r.text())
	case !slices.ContainsFunc(r.events, func(e event) bool { return e.Test != "" && e.Action != "output" && e.Action != "run" }):
		return r, fmt.Errorf("no test came to its end:\n%s", r.text())
	}
	return r, nil
}

// outcome is pass, fail or skip; empty if the test did not come to its end.
func (r report) outcome(test string) (action string) {
	for _, e := range r.events {
		if e.Test == test && slices.Contains([]string{"pass", "fail", "skip"}, e.Action) {
			action = e.Action
		}
	}
	return action
}

// took is the time of a test or of its longest part: parts that run in parallel are
// not counted for the whole.
func (r report) took(test string) (longest time.Duration) {
	for _, e := range r.events {
		if e.of(test) {
			longest = max(longest, time.Duration(e.Elapsed*float64(time.Second)))
		}
	}
	return longest
}

// lines are what a test and its parts printed.
func (r report) lines(test string) (lines []string) {
	for _, e := range r.events {
		if e.Action == "output" && e.of(test) {
			lines = append(lines, e.Output)
		}
	}
	return lines
}

// text is all that was printed.
func (r report) text() string {
	var b strings.Builder
	for _, e := range r.events {
		b.WriteString(e.Output)
	}
	return b.String()
}
