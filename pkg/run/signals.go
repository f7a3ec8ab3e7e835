package run

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// signalExitBase is added to a signal's number for the exit code of a process
// that it ended, as shells do: 130 after SIGINT, 143 after SIGTERM.
const signalExitBase = 128

// Signals returns a context that is cancelled by the first SIGINT or SIGTERM,
// with the signal's name as its cause. A second one ends the process at once,
// with 128 plus the signal's number, for the case that the orderly stop hangs.
//
// stop cancels the context, gives the signals their default behaviour back and
// waits for the listening goroutine. It may be called more than once.
func Signals(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	received := make(chan os.Signal, 2)
	signal.Notify(received, os.Interrupt, syscall.SIGTERM)

	stopped := make(chan struct{})
	var listening sync.WaitGroup
	listening.Go(func() {
		for first := true; ; first = false {
			select {
			case sig := <-received:
				if !first {
					os.Exit(signalExitBase + signalNumber(sig))
				}
				cancel(fmt.Errorf("received %s", sig))
			case <-stopped:
				return
			}
		}
	})
	return ctx, sync.OnceFunc(func() {
		signal.Stop(received)
		close(stopped)
		listening.Wait()
		cancel(nil)
	})
}

func signalNumber(sig os.Signal) int {
	if number, ok := sig.(syscall.Signal); ok {
		return int(number)
	}
	return 0
}
