//go:build e2e

package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// box is one container: a part.
type box struct {
	part    Part
	docker  *testcontainers.DockerClient
	network string
	of      testcontainers.Container
	// answers says whether the part does its work.
	answers func(context.Context) error

	mu    sync.Mutex
	state boxState
}

// boxState is what was done to a container.
type boxState struct{ down, paused, cutOff bool }

// usable: callers may be sent there.
func (b *box) usable() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state == boxState{}
}

// change checks that a container is in a state, does something, and enters
// another.
func (b *box) change(what string, from func(boxState) bool, to func(*boxState), do func() error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !from(b.state) {
		return fmt.Errorf("%s %s: %w", what, b.part, ErrState)
	}
	if err := do(); err != nil {
		return fmt.Errorf("%s %s: %w", what, b.part, err)
	}
	to(&b.state)
	return nil
}

func (b *box) id() string { return b.of.GetContainerID() }

func (b *box) kill(ctx context.Context) error {
	return b.change("kill", isUp, func(s *boxState) { s.down, s.paused = true, false }, func() error {
		if b.state.paused { // a frozen process takes no signal
			defer func() { _, _ = b.docker.ContainerUnpause(ctx, b.id(), client.ContainerUnpauseOptions{}) }() // gone then
		}
		if _, err := b.docker.ContainerKill(ctx, b.id(), client.ContainerKillOptions{Signal: "KILL"}); err != nil {
			return err
		}
		_, err := b.gone(ctx)
		return err
	})
}

// Exit codes of programs that end as asked: their own choice, and a Java machine's
// after SIGTERM.
const (
	exitClean   = 0
	exitSigterm = 143
)

func (b *box) stop(ctx context.Context) error {
	return b.change("stop", func(s boxState) bool { return !s.down && !s.paused }, func(s *boxState) { s.down = true }, func() error {
		patience := int(b.part.stopTimeout().Seconds())
		if _, err := b.docker.ContainerStop(ctx, b.id(), client.ContainerStopOptions{Timeout: &patience}); err != nil {
			return err
		}
		code, err := b.gone(ctx)
		if err == nil && code != exitClean && code != exitSigterm {
			b.state.down = true // it is, however it ended
			err = &ExitError{Code: int(code), Stderr: b.tail(ctx)}
		}
		return err
	})
}

// gone waits for the end of the process and returns its exit code.
func (b *box) gone(ctx context.Context) (int64, error) {
	waiting := b.docker.ContainerWait(ctx, b.id(), client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case end := <-waiting.Result:
		return end.StatusCode, nil
	case err := <-waiting.Error:
		return 0, err
	}
}

func (b *box) launch(ctx context.Context) error {
	return b.change("start", func(s boxState) bool { return s.down }, func(s *boxState) { s.down = false }, func() error {
		_, err := b.docker.ContainerStart(ctx, b.id(), client.ContainerStartOptions{})
		return err
	})
}

// await waits until a part answers, or has ended.
func (b *box) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("not ready within %s", readyTimeout))
	defer cancel()
	err := until(ctx, func() error {
		wrong := b.answers(ctx)
		if wrong == nil {
			return nil
		}
		seen, err := b.docker.ContainerInspect(ctx, b.id(), client.ContainerInspectOptions{})
		if err == nil && !seen.Container.State.Running {
			return errors.Join(errHopeless, fmt.Errorf("it ended with exit code %d: %s", seen.Container.State.ExitCode, b.tail(ctx)))
		}
		return wrong
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", b.part, err)
	}
	return nil
}

func (b *box) pause(ctx context.Context) error {
	return b.change("pause", func(s boxState) bool { return !s.down && !s.paused }, func(s *boxState) { s.paused = true }, func() error {
		_, err := b.docker.ContainerPause(ctx, b.id(), client.ContainerPauseOptions{})
		return err
	})
}

func (b *box) resume(ctx context.Context) error {
	return b.change("resume", func(s boxState) bool { return s.paused }, func(s *boxState) { s.paused = false }, func() error {
		_, err := b.docker.ContainerUnpause(ctx, b.id(), client.ContainerUnpauseOptions{})
		return err
	})
}

func (b *box) disconnect(ctx context.Context) error {
	return b.change("disconnect", func(s boxState) bool { return !s.cutOff }, func(s *boxState) { s.cutOff = true }, func() error {
		_, err := b.docker.NetworkDisconnect(ctx, b.network, client.NetworkDisconnectOptions{Container: b.id(), Force: true})
		return err
	})
}

func (b *box) connect(ctx context.Context) error {
	return b.change("connect", func(s boxState) bool { return s.cutOff }, func(s *boxState) { s.cutOff = false }, func() error {
		_, err := b.docker.NetworkConnect(ctx, b.network, client.NetworkConnectOptions{
			Container: b.id(), EndpointConfig: &network.EndpointSettings{Aliases: []string{string(b.part)}},
		})
		return err
	})
}

// remove ends and removes the container with what it kept.
func (b *box) remove(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state.paused {
		_, _ = b.docker.ContainerUnpause(ctx, b.id(), client.ContainerUnpauseOptions{}) // or removing it tells
	}
	return b.of.Terminate(ctx, testcontainers.StopTimeout(0))
}

// tailLines of a container are shown where it failed: the end of what it said.
const tailLines = "40"

// tail is the end of what a container said.
func (b *box) tail(ctx context.Context) string {
	var text bytes.Buffer
	if err := b.write(ctx, &text, tailLines); err != nil {
		fmt.Fprintf(&text, "no log: %v\n", err)
	}
	return text.String()
}

// write copies what a container said, over all its runs: all of it, or some last
// lines.
func (b *box) write(ctx context.Context, to io.Writer, lines string) error {
	logs, err := b.docker.ContainerLogs(ctx, b.id(), client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true, Tail: lines})
	if err != nil {
		return err
	}
	_, err = stdcopy.StdCopy(to, to, logs)
	return errors.Join(err, logs.Close())
}
