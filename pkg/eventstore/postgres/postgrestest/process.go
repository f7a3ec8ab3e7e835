package postgrestest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"
)

// process is one run of the server. A thread of its own starts it and waits for
// it, so that the server ends with this program however that ends.
type process struct {
	cmd    *exec.Cmd
	output output
	ended  chan struct{}
	err    error
}

func startProcess(path, dir string, args []string) (*process, error) {
	p := &process{cmd: exec.Command(path, args...), ended: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	unprivileged(p.cmd)
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
		}
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return p, nil
}

// output is what the server printed; it is safe for concurrent use.
type output struct {
	mu   sync.Mutex
	text []byte
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, b...)
	return len(b), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}

// crash ends the server and all its sessions at once with SIGKILL, as the loss of
// its machine would. None of them can do anything more, such as answer a commit.
func (p *process) crash() error {
	if err := killAll(p.cmd.Process); err != nil {
		return err
	}
	<-p.ended
	return nil
}

// stop signals the server and waits until it has ended.
func (p *process) stop(how os.Signal) error {
	_ = p.cmd.Process.Signal(how) // it may have ended already
	timer := time.NewTimer(stopPatience)
	defer timer.Stop()
	select {
	case <-p.ended:
		return nil
	case <-timer.C:
		_ = p.cmd.Process.Kill()
		<-p.ended
		return fmt.Errorf("PostgreSQL did not stop within %s and was killed", stopPatience)
	}
}
