package run_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/run"
)

func TestSignals_FirstCancelsTheContext(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			ctx, stop := run.Signals(context.Background())
			defer stop()
			if err := syscall.Kill(os.Getpid(), sig); err != nil {
				t.Fatal(err)
			}
			<-ctx.Done()
			if want := "received " + sig.String(); context.Cause(ctx).Error() != want {
				t.Errorf("cause %v, want %s", context.Cause(ctx), want)
			}
		})
	}
}

func TestSignals_StopCancelsAndMayBeRepeated(t *testing.T) {
	ctx, stop := run.Signals(context.Background())
	stop()
	stop()
	if !errors.Is(ctx.Err(), context.Canceled) {
		t.Errorf("got %v, want a cancelled context", ctx.Err())
	}
}

// childVariable makes the test binary play a program that ignores its
// cancelled context.
const childVariable = "RUN_SIGNALS_CHILD"

// signalsChild reports whether this process is such a child. It writes a line
// when it listens and another when it was asked to stop, and then hangs.
func signalsChild() bool {
	if os.Getenv(childVariable) == "" {
		return false
	}
	ctx, stop := run.Signals(context.Background())
	defer stop()
	fmt.Println("listening")
	<-ctx.Done()
	fmt.Println("stopping")
	select {} // as a program that hangs while it stops
}

func TestSignals_SecondEndsAProcessThatHangs(t *testing.T) {
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childVariable+"=1")
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	for _, want := range []string{"listening", "stopping"} {
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("child said %q, want %q", lines.Text(), want)
		}
		if err := child.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	var exited *exec.ExitError
	if err := child.Wait(); !errors.As(err, &exited) || exited.ExitCode() != 128+int(syscall.SIGTERM) {
		t.Fatalf("child ended with %v, want exit status 143", err)
	}
}
