package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
)

// ProcessConfig says how `murmur up` is started.
type ProcessConfig struct {
	// Binary is the murmur program, from BuildMurmur.
	Binary string
	// Data is the data folder, made by murmur if absent.
	Data string
	// UsualPorts asks for the ports that people find in the documentation, in place
	// of free ones.
	UsualPorts bool
	// Args are further arguments of `murmur up`.
	Args []string
}

// Process is a platform in one child process: `murmur up --data DIR`.
type Process struct {
	cfg ProcessConfig
	log Log

	mu        sync.Mutex
	child     *child // nil while stopped
	addresses embedded.Addresses
}

var _ Killer = (*Process)(nil)

// NewProcess starts a platform.
func NewProcess(ctx context.Context, cfg ProcessConfig) (*Process, error) {
	p := &Process{cfg: cfg}
	if err := p.Start(ctx, Everything); err != nil {
		return nil, err
	}
	return p, nil
}

// Addresses implements Stack.
func (p *Process) Addresses() embedded.Addresses {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.addresses
}

// Parts implements Stack.
func (p *Process) Parts() []Part { return []Part{Everything} }

// Data is the data folder.
func (p *Process) Data() string { return p.cfg.Data }

// PID is the child's process id; 0 while stopped.
func (p *Process) PID() int {
	c, err := p.running(Everything)
	if err != nil {
		return 0
	}
	return c.cmd.Process.Pid
}

// Log is what all runs have written, for people.
func (p *Process) Log() string { return p.log.String() }

// Start implements Stack. On an error the child is gone; an *ExitError tells how
// it ended if it ended by itself.
func (p *Process) Start(ctx context.Context, part Part) error {
	if part != Everything {
		return fmt.Errorf("start %s: %w", part, ErrNoSuchPart)
	}
	if c, _ := p.running(part); c != nil {
		return fmt.Errorf("start %s: %w", part, ErrState)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("not ready within %s", readyTimeout))
	defer cancel()
	before := p.addressFile()
	args := []string{"up", "--data", p.cfg.Data}
	if !p.cfg.UsualPorts {
		args = append(args, "--any-ports")
	}
	c, err := startChild(p.cfg.Binary, append(args, p.cfg.Args...), &p.log)
	if err != nil {
		return err
	}
	addresses, err := p.await(ctx, c, before)
	if err != nil {
		if exit := c.ended(); exit != nil {
			return exit
		}
		return errors.Join(fmt.Errorf("start murmur: %w", err), c.end(syscall.SIGKILL))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.child, p.addresses = c, addresses
	return nil
}

// await waits until the child has left its addresses, in place of those before,
// and all services are ready.
func (p *Process) await(ctx context.Context, c *child, before os.FileInfo) (embedded.Addresses, error) {
	var a embedded.Addresses
	alive := func() error {
		if exit := c.ended(); exit != nil {
			return errors.Join(errHopeless, exit)
		}
		return nil
	}
	err := until(ctx, func() error {
		if err := alive(); err != nil {
			return err
		}
		now := p.addressFile()
		if now == nil || before != nil && os.SameFile(before, now) {
			return errors.New("no addresses yet")
		}
		var err error
		a, err = embedded.ReadAddresses(p.cfg.Data)
		return err
	})
	if err != nil {
		return a, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { // ends with the child or with ctx, both of which Start waits for or ends
		select {
		case <-c.gone:
			cancel(errors.New("murmur ended while it started"))
		case <-ctx.Done():
		}
	}()
	return a, awaitReady(ctx, a)
}

func (p *Process) addressFile() os.FileInfo {
	info, err := os.Stat(filepath.Join(p.cfg.Data, "platform.json"))
	if err != nil {
		return nil
	}
	return info
}

func (p *Process) running(part Part) (*child, error) {
	if part != Everything {
		return nil, ErrNoSuchPart
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child == nil {
		return nil, ErrState
	}
	return p.child, nil
}

// Stop implements Stack: SIGTERM, and the time to drain.
func (p *Process) Stop(ctx context.Context, part Part) error {
	c, err := p.running(part)
	if err != nil {
		return fmt.Errorf("stop %s: %w", part, err)
	}
	defer p.forget(c)
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	if err := c.signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-c.gone:
		if exit := c.ended(); exit.Code != 0 {
			return exit
		}
		return nil
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("murmur does not end after SIGTERM: %w", ctx.Err()), c.end(syscall.SIGKILL))
	}
}

// Kill implements Killer.
func (p *Process) Kill(_ context.Context, part Part) error {
	c, err := p.running(part)
	if err != nil {
		return fmt.Errorf("kill %s: %w", part, err)
	}
	defer p.forget(c)
	return c.end(syscall.SIGKILL)
}

// Wait waits until the platform has ended by itself and tells how.
func (p *Process) Wait(ctx context.Context) (*ExitError, error) {
	c, err := p.running(Everything)
	if err != nil {
		return nil, fmt.Errorf("wait for murmur: %w", err)
	}
	select {
	case <-c.gone:
		p.forget(c)
		return c.ended(), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for murmur: %w", ctx.Err())
	}
}

func (p *Process) forget(c *child) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child == c {
		p.child = nil
	}
}

// Close implements Stack.
func (p *Process) Close() error {
	if c, _ := p.running(Everything); c == nil {
		return nil
	}
	return p.Stop(context.Background(), Everything)
}

// ExitError is how a program ended.
type ExitError struct {
	// Code is the exit code; -1 after a signal.
	Code int
	// Stderr is what it said on standard error, the end of it at least.
	Stderr string
}

func (e *ExitError) Error() string { return fmt.Sprintf("exit code %d: %s", e.Code, e.Stderr) }

// child is one run of the program. One goroutine waits for it.
type child struct {
	cmd    *exec.Cmd
	gone   chan struct{}
	stderr Log
}

func startChild(binary string, args []string, log io.Writer) (*child, error) {
	c := &child{cmd: exec.Command(binary, args...), gone: make(chan struct{})}
	c.cmd.Stdout = log
	c.cmd.Stderr = io.MultiWriter(log, &c.stderr)
	bindToParent(c.cmd)
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	go func() {
		defer close(c.gone)
		_ = c.cmd.Wait() // ProcessState tells
	}()
	return c, nil
}

// ended is nil while the child runs.
func (c *child) ended() *ExitError {
	select {
	case <-c.gone:
		return &ExitError{Code: c.cmd.ProcessState.ExitCode(), Stderr: c.stderr.String()}
	default:
		return nil
	}
}

func (c *child) signal(s syscall.Signal) error {
	err := c.cmd.Process.Signal(s)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// end signals and waits.
func (c *child) end(s syscall.Signal) error {
	err := c.signal(s)
	if err == nil {
		<-c.gone
	}
	return err
}
