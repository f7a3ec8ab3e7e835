package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
)

// Output is what a command that has ended wrote, and its exit code; -1 if a signal
// ended it.
type Output struct {
	Code           int
	Stdout, Stderr string
}

func (o Output) String() string {
	return fmt.Sprintf("exit code %d\n%s%s", o.Code, o.Stdout, o.Stderr)
}

// Command runs murmur with arguments to its end, or kills it as kill -9 does when
// ctx ends. An exit code is no error.
func Command(ctx context.Context, binary string, args ...string) (Output, error) {
	c := exec.CommandContext(ctx, binary, args...)
	bindToParent(c)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	o := Output{Code: -1, Stdout: stdout.String(), Stderr: stderr.String()}
	if c.ProcessState != nil {
		o.Code = c.ProcessState.ExitCode()
	}
	return o, err
}
