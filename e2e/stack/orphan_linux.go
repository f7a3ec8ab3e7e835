package stack

import (
	"os/exec"
	"syscall"
)

// bindToParent ends the child when the test's process dies, however it does: a
// platform that nobody waits for would go on for ever.
//
// The kernel ties this to the thread that started the child; Go ends threads only
// with a goroutine that locked one, which no starter of stacks does.
func bindToParent(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
