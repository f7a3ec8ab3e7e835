package clock

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// ErrUnsupported says that clocks cannot be shifted on this machine.
var ErrUnsupported = errors.New("clocks can be shifted on Linux on amd64 only")

// Shift makes the wall clock of a process and of all its descendants wrong by so
// much, and returns what makes it right again: also for processes that were forked
// since, and for none that have ended. The offset counts in whole seconds.
func Shift(pid int, by time.Duration) (restore func() error, err error) {
	if gone(pid) {
		return nil, fmt.Errorf("shift the clock of process %d: %w", pid, os.ErrProcessDone)
	}
	if err := each(pid, func(pid int) error { return patch(pid, int64(by/time.Second)) }); err != nil {
		err = fmt.Errorf("shift the clock of process %d: %w", pid, err)
		return nil, errors.Join(err, each(pid, unpatch))
	}
	return func() error {
		if err := each(pid, unpatch); err != nil {
			return fmt.Errorf("set the clock of process %d right: %w", pid, err)
		}
		return nil
	}, nil
}
