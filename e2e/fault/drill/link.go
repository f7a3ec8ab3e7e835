//go:build e2e

package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"

	"github.com/murmuration-dev/murmuration/e2e/fault/plan"
	"github.com/murmuration-dev/murmuration/e2e/stack"
)

// A slow link passes so many kilobits a second, and holds what is more than that
// back for so long before it drops it: each packet of a part at work is late, by
// hundreds of milliseconds, and some come only when they are sent again.
const (
	slowestLink = 256
	fastestLink = 4096
	heldBack    = "500ms"
	burst       = "8kb"
)

// slowDown makes what a container sends late and returns what ends it.
func (d *Drill) slowDown(ctx context.Context, part stack.Part, choice uint64) (undo func() error, err error) {
	pid, err := d.stack.PID(ctx, part)
	if err != nil {
		return nil, err
	}
	device, err := deviceOf(ctx, pid)
	if err != nil {
		return nil, err
	}
	rate := slowestLink + choice%(fastestLink-slowestLink)
	if _, err := inNetwork(ctx, pid, "tc", "qdisc", "replace", "dev", device, "root", "tbf",
		"rate", strconv.FormatUint(rate, 10)+"kbit", "burst", burst, "latency", heldBack); err != nil {
		return nil, err
	}
	return func() error {
		_, err := inNetwork(context.WithoutCancel(ctx), pid, "tc", "qdisc", "del", "dev", device, "root")
		return err
	}, nil
}

// inNetwork runs a program of this machine in the network of a process.
func inNetwork(ctx context.Context, pid int, command ...string) (said string, err error) {
	args := append([]string{"-t", strconv.Itoa(pid), "-n"}, command...)
	out, err := exec.CommandContext(ctx, "nsenter", args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%v in the network of process %d: %w: %s", command, pid, err, out)
	}
	return string(out), nil
}

// deviceOf is the link by which a process reaches others. A container that was cut
// off gets another name for it when it comes back.
func deviceOf(ctx context.Context, pid int) (string, error) {
	routes, err := inNetwork(ctx, pid, "ip", "-4", "route", "show", "default")
	if err != nil {
		return "", err
	}
	_, behind, found := strings.Cut(routes, " dev ")
	if !found {
		return "", fmt.Errorf("process %d reaches nobody: %q", pid, routes)
	}
	device, _, _ := strings.Cut(strings.TrimSpace(behind), " ")
	return device, nil
}

// Lacking are the kinds of faults that this machine cannot inject, and why. As
// root on Linux on amd64, with iproute2 and util-linux, it can inject all.
func Lacking() (kinds []plan.Kind, why error) {
	_, nsenter := exec.LookPath("nsenter")
	_, tc := exec.LookPath("tc")
	if os.Geteuid() != 0 || nsenter != nil || tc != nil {
		kinds = append(kinds, plan.Delay)
		why = errors.Join(why, fmt.Errorf("delays need root, nsenter and tc: %w", errors.Join(nsenter, tc)))
	}
	if os.Geteuid() != 0 || runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		kinds = append(kinds, plan.Clock)
		why = errors.Join(why, errors.New("clocks need root, Linux and amd64"))
	}
	return kinds, why
}
