package postgrestest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

// What the server takes for a quick shutdown, and for one without any care.
const (
	fast      = syscall.SIGINT
	immediate = syscall.SIGQUIT
)

// unprivileged makes a command run as another user if this one is root, whom
// the server refuses, and end with this program.
func unprivileged(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: immediate}
	if uid, gid, ok := other(); ok {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: gid}
	}
}

// killAll ends a process and its children. It is stopped first, so that it makes no
// more of them meanwhile.
func killAll(p *os.Process) error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", p.Pid, p.Pid))
	for _, child := range strings.Fields(string(children)) {
		pid, bad := strconv.Atoi(child)
		if bad != nil {
			err = errors.Join(err, bad)
			continue
		}
		if gone := syscall.Kill(pid, syscall.SIGKILL); gone != nil && !errors.Is(gone, syscall.ESRCH) {
			err = errors.Join(err, gone)
		}
	}
	return errors.Join(err, p.Kill())
}

// give makes the folder that of the user who runs the server.
func give(dir string) error {
	uid, gid, ok := other()
	if !ok {
		return nil
	}
	return os.Chown(dir, int(uid), int(gid))
}

// other is the user to run the server as; ok is false if that is this one.
func other() (uid, gid uint32, ok bool) {
	if os.Geteuid() != 0 {
		return 0, 0, false
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		id, err1 := strconv.ParseUint(u.Uid, 10, 32)
		group, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return uint32(id), uint32(group), true
		}
	}
	panic(fmt.Sprintf("PostgreSQL does not run as root, and there is no user %q or %q", "postgres", "nobody"))
}
