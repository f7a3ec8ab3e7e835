package stack

import (
	"bytes"
	"fmt"
	"sync"
)

// logLimit bounds what is kept of a platform's output: the end matters, and a
// test that fails should still be readable.
const logLimit = 256 << 10

// Log keeps the end of what is written to it. It is safe for concurrent use; the
// zero value is ready.
type Log struct {
	mu      sync.Mutex
	kept    []byte
	dropped int
}

// Write implements io.Writer and never fails.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = append(l.kept, p...)
	if over := len(l.kept) - logLimit; over > logLimit {
		l.kept = bytes.Clone(l.kept[over:])
		l.dropped += over
	}
	return len(p), nil
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dropped == 0 {
		return string(l.kept)
	}
	return fmt.Sprintf("… %d bytes before …\n%s", l.dropped, l.kept)
}
