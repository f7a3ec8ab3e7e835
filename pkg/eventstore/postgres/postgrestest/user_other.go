//go:build !linux

package postgrestest

import (
	"os"
	"os/exec"
	"syscall"
)

// What the server takes for a quick shutdown, and for one without any care.
const (
	fast      = syscall.SIGINT
	immediate = syscall.SIGQUIT
)

func unprivileged(*exec.Cmd) {}

func give(string) error { return nil }

// killAll ends a process; its children notice.
func killAll(p *os.Process) error { return p.Kill() }
