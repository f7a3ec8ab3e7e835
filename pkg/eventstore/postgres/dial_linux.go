package postgres

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// giveUp ends a connection whose packets are not acknowledged. Keep-alive alone
// does not: it is silent while something waits to be acknowledged, and Linux
// repeats that for a quarter of an hour.
func giveUp(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unacknowledged.Milliseconds()))
	})
	if errors.Is(failed, unix.ENOPROTOOPT) || errors.Is(failed, unix.EOPNOTSUPP) {
		failed = nil // no TCP, but a socket in the file system
	}
	return errors.Join(err, failed)
}
