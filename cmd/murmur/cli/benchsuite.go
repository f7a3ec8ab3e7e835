package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/murmuration-dev/murmuration/cmd/murmur/bench"
	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
)

// suiteRuns are the runs of the suite, with what is aimed at on two cores.
var suiteRuns = []struct {
	name, target string
	cfg          bench.Config
}{
	{"small orders, 100/s", "p99 < 60 ms", bench.Config{Shape: bench.Small, Orders: 3000, Rate: 100, Seed: 1}},
	{"small orders, burst", "> 1500/s", bench.Config{Shape: bench.Small, Orders: 20_000, Seed: 2, Patience: 10 * time.Minute}},
	{"real orders, burst", "> 300/s", bench.Config{Shape: bench.Real, Orders: 3000, Seed: 3, Patience: 10 * time.Minute}},
}

// suite starts a platform of its own, in a process of its own and an empty
// folder, and measures it.
func suite(ctx context.Context, out io.Writer) (err error) {
	folder, err := os.MkdirTemp("", "murmur-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	child, ready, err := startChild(ctx, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopChild(child)) }()
	to, err := embedded.ReadAddresses(folder)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "run\ttarget\tcompleted/s\taccepted/s\tp50 ms\tp90 ms\tp99 ms\tmax ms\taccept p99 ms\tpeak MB\t")
	fmt.Fprintf(table, "empty folder to ready\t< 1 s\t\t\t%.0f\t\t\t\t\t\t\n", ready.Seconds()*1000)
	for _, run := range suiteRuns {
		r, err := bench.Run(ctx, to, run.cfg)
		if err != nil {
			return fmt.Errorf("%s: %w", run.name, err)
		}
		fmt.Fprintf(table, "%s\t%s\t%.0f\t%.0f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%d\t\n", run.name, run.target, r.PerSecond, r.AcceptedPerSecond,
			r.Complete.P50, r.Complete.P90, r.Complete.P99, r.Complete.Max, r.Accept.P99, peakMegabytes(child.Process.Pid))
	}
	fmt.Fprintln(out, "Whole platform in one process; latency from when an order was due to when a reader of committed records sees it COMPLETED.")
	return table.Flush()
}

// startChild runs `murmur up` and waits until it is ready.
func startChild(ctx context.Context, folder string) (*exec.Cmd, time.Duration, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, 0, err
	}
	child := exec.CommandContext(ctx, self, "up", "--any-ports", "--data", filepath.Clean(folder))
	child.Cancel = func() error { return child.Process.Signal(syscall.SIGTERM) }
	child.Stderr = os.Stderr
	lines, err := child.StdoutPipe()
	if err != nil {
		return nil, 0, err
	}
	start := time.Now()
	if err := child.Start(); err != nil {
		return nil, 0, err
	}
	for scan := bufio.NewScanner(lines); scan.Scan(); {
		if strings.HasPrefix(scan.Text(), "ready") {
			return child, time.Since(start), nil
		}
	}
	return nil, 0, errors.Join(errors.New("the platform ended before it was ready"), child.Wait())
}

func stopChild(child *exec.Cmd) error {
	if err := child.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return child.Wait()
}

// peakMegabytes is the largest resident size of a process so far; 0 where the
// system does not tell.
func peakMegabytes(pid int) int {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(raw)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
			if err == nil {
				return kb / 1024
			}
		}
	}
	return 0
}

func measure(ctx context.Context, to embedded.Addresses, cfg bench.Config, out io.Writer) error {
	result, err := bench.Run(ctx, to, cfg)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(result)
}
