package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// patience bounds one tool on one defect, with the time to compile it.
const patience = 5 * time.Minute

// attempt is one run of a tool on a defect.
type attempt struct {
	tool    tool
	pattern string // of tests; empty: all
	pkgs    []string
	// args are for the tests themselves.
	args []string
	// schedules are for simulations.
	schedules int
}

// try plants a defect in a copy and lets every tool look for it.
func (d source) try(ctx context.Context, dir string, t *table) error {
	overlay, err := d.plant(dir)
	if err != nil {
		return err
	}
	for _, a := range d.attempts() {
		r, err := a.run(ctx, d.name, "-overlay", overlay)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", d.name, a.tool, err)
		}
		t.add(r)
	}
	return nil
}

// plant writes the file with its defect, and what tells the go command of it.
func (d source) plant(dir string) (overlay string, err error) {
	file, err := filepath.Abs(d.file)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	for _, e := range d.edits {
		if n := bytes.Count(text, []byte(e.from)); n != 1 {
			return "", fmt.Errorf("%s: what is to be replaced is %d times in %s, not once:\n%s", d.name, n, d.file, e.from)
		}
		text = bytes.Replace(text, []byte(e.from), []byte(e.to), 1)
	}
	planted := filepath.Join(dir, filepath.Base(d.file))
	if err := os.WriteFile(planted, text, 0o600); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {file: planted}})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, list, 0o600)
}

// run returns a row; an error means that nothing was tried.
func (a attempt) run(ctx context.Context, defect string, flags ...string) (row, error) {
	out, took, failed, err := goTest(ctx, a, flags...)
	if err != nil {
		return row{}, err
	}
	return row{defect: defect, tool: a.tool, found: failed, took: took, how: evidence(out)}, nil
}

// goTest runs tests and returns their output and how long they took, without the
// time to compile them.
func goTest(ctx context.Context, a attempt, flags ...string) (out string, took time.Duration, failed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := goCommand(ctx, slices.Concat([]string{"test", "-count", "1", "-v"}, flags, []string{"-run", a.pattern}, a.pkgs, a.args)...)
	cmd.Env = append(os.Environ(), "SIM_FIRST=1", "SIM_SEEDS="+strconv.Itoa(max(a.schedules, 1)))
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || ctx.Err() != nil) {
		return "", 0, false, errors.Join(err, ctx.Err())
	}
	out = string(text)
	if strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]") {
		return "", 0, false, fmt.Errorf("it does not compile:\n%s", out)
	}
	for _, m := range elapsed.FindAllStringSubmatch(out, -1) {
		d, err := time.ParseDuration(m[1])
		if err != nil {
			return "", 0, false, err
		}
		took += d
	}
	return out, took, exit != nil, nil
}

// goCommand is one whose tests end with it: they are children of the go command, and
// what ends that must end them.
func goCommand(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}

var (
	elapsed = regexp.MustCompile(`(?m)^(?:ok|FAIL)\s+\S+\s+([0-9.]+s)$`)
	failing = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)
	said    = regexp.MustCompile(`(?m)^\s*(did not hold: .*|Broken: .*|.*ended by itself: .*|panic: .*)$`)
)

// evidence is what a failing run says, in a line: what did not hold, or else the
// innermost test that failed.
func evidence(out string) string {
	if m := said.FindStringSubmatch(out); m != nil {
		return m[1]
	}
	var name string
	for _, m := range failing.FindAllStringSubmatch(out, -1) {
		if name == "" || strings.HasPrefix(m[1], name+"/") {
			name = m[1]
		}
	}
	return name
}

// suite are tests that plant defects themselves, and say so in lines of the form
// "planted: name | time | how".
type suite struct {
	tool    tool
	pkg     string
	pattern string
}

var planted = regexp.MustCompile(`(?m)^.*planted: (.*) \| (.*) \| (.*)$`)

func (s suite) collect(ctx context.Context, t *table) error {
	out, _, failed, err := goTest(ctx, attempt{pattern: s.pattern, pkgs: []string{s.pkg}})
	if err != nil {
		return err
	}
	lines := planted.FindAllStringSubmatch(out, -1)
	for _, m := range lines {
		took, err := time.ParseDuration(m[2])
		if err != nil {
			return fmt.Errorf("%s: %w", s.pkg, err)
		}
		t.add(row{defect: m[1], tool: s.tool, found: true, took: took, how: m[3]})
	}
	if failed || len(lines) == 0 {
		return fmt.Errorf("%s: a planted defect was not found:\n%s", s.pkg, out)
	}
	return nil
}
