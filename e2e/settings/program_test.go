//go:build e2e

package settings

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/e2e/stack/hostport"
)

// settings are environment variables.
type settings map[string]string

// program is a service that runs as a process of its own.
type program struct {
	service  string
	api, ops string // URLs
	cmd      *exec.Cmd
	gone     chan struct{}
	began    time.Time

	mu     sync.Mutex
	stderr bytes.Buffer
}

// Write takes what the program says.
func (p *program) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.Write(b)
}

func (p *program) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// start runs a service, or one of its sub-commands, until the test ends. Its
// environment is that of the settings alone.
func start(t *testing.T, service string, set settings, args ...string) *program {
	t.Helper()
	var at [2]string
	for i := range at {
		var err error
		if at[i], err = hostport.Free(hostport.Loopback); err != nil {
			t.Fatal(err)
		}
	}
	p := &program{service: service, api: "http://" + at[0], ops: "http://" + at[1], gone: make(chan struct{}), began: time.Now()}
	p.cmd = exec.Command(filepath.Join(binaries, service), args...)
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LISTEN=" + at[0], "OPS_LISTEN=" + at[1]}
	for name, value := range set {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.gone)
		_ = p.cmd.Wait() // ProcessState tells
	}()
	t.Cleanup(func() {
		p.stop(t)
		if t.Failed() {
			t.Logf("%s said:\n%s", service, p.said())
		}
	})
	return p
}

// stop ends the program in order, if it has not ended.
func (p *program) stop(t *testing.T) {
	t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may be gone
	select {
	case <-p.gone:
	case <-time.After(patience):
		t.Errorf("%s does not end after SIGTERM", p.service)
		_ = p.cmd.Process.Kill()
		<-p.gone
	}
}

// expectRefusal waits for the program to end by itself with a code, having said
// all words, in time for somebody who waits.
func (p *program) expectRefusal(t *testing.T, code int, words ...string) {
	t.Helper()
	select {
	case <-p.gone:
	case <-time.After(patience):
		t.Fatalf("%s goes on", p.service)
	}
	if took := time.Since(p.began); took > sayWithin {
		t.Errorf("%s took %v to say what is wrong, want %v", p.service, took, sayWithin)
	}
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("%s: exit code %d, want %d", p.service, got, code)
	}
	p.expectSaid(t, words...)
	if strings.Contains(p.said(), "goroutine ") {
		t.Errorf("a stack trace is no message:\n%s", p.said())
	}
}

func (p *program) expectSaid(t *testing.T, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(p.said(), w) {
			t.Errorf("%s did not say %q:\n%s", p.service, w, p.said())
		}
	}
}

// expectSays waits until a program that goes on has said all words, in time for
// somebody who waits.
func (p *program) expectSays(t *testing.T, words ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s says %q", p.service, words), func() error {
		if p.ended() {
			return errEnded
		}
		for _, w := range words {
			if !strings.Contains(p.said(), w) {
				return fmt.Errorf("not %q", w)
			}
		}
		return nil
	})
	if took := time.Since(p.began); took > sayWithin {
		t.Errorf("%s took %v to say what it waits for, want %v", p.service, took, sayWithin)
	}
}

func (p *program) ended() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// expectQuiet looks on for a while: whoever waits for something says so now and
// then, not all the time.
func (p *program) expectQuiet(t *testing.T) {
	t.Helper()
	before := strings.Count(p.said(), "\n")
	select {
	case <-p.gone:
		t.Fatalf("%s ended:\n%s", p.service, p.said())
	case <-time.After(quietFor):
	}
	if lines := strings.Count(p.said(), "\n") - before; lines > quietLines {
		t.Errorf("%s wrote %d lines in %v, want %d at most:\n%s", p.service, lines, quietFor, quietLines, p.said())
	}
}

func (p *program) readiness() (int, string) { return call(http.MethodGet, p.ops+"/readyz", "") }

// expectReadiness waits for a status of the readiness check, and words in it.
func (p *program) expectReadiness(t *testing.T, status int, words ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s is %d with %q", p.service, status, words), func() error {
		if p.ended() {
			return errEnded
		}
		code, body := p.readiness()
		for _, w := range words {
			if !strings.Contains(body, w) {
				return fmt.Errorf("%d: %s", code, body)
			}
		}
		if code != status {
			return fmt.Errorf("%d: %s", code, body)
		}
		return nil
	})
}

// expectAccepts places an order at the order service.
func (p *program) expectAccepts(t *testing.T, id string) {
	t.Helper()
	body := fmt.Sprintf(`{"order_id":%q,"currency":"GBP","payment_method":"pm_card_visa","lines":[{"sku":"TEAPOT","quantity":1,"amount":799}]}`, id)
	if code, said := call(http.MethodPost, p.api+"/orders", body); code != http.StatusCreated && code != http.StatusAccepted {
		t.Errorf("order %s: %d %s", id, code, said)
	}
}

// call returns the status and body of an answer; status 0 means that there is none.
func call(method, url, body string) (int, string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := web.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(said)
}

// web has no connections that outlive a request.
var web = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
