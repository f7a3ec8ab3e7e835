//go:build e2e

package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/murmuration-dev/murmuration/e2e/stack"
)

// memory is the resident size of the services, in MB: of the replica with the
// most.
type memory map[string]float64

// What /proc tells of a process: the resident size now, and the highest so far.
const (
	resident = "VmRSS"
	highest  = "VmHWM"
)

// sampleEvery is how often memory is looked at under load.
const sampleEvery = time.Second

func (b *bench) memory(ctx context.Context, of string) (memory, error) {
	m := make(memory)
	for _, service := range services {
		for n := range b.cfg.replicas {
			part := stack.Replica(service, n+1)
			pid, err := b.stack.PID(ctx, part)
			if err != nil {
				return nil, fmt.Errorf("memory of %s: %w", part, err)
			}
			size, err := megabytes(pid, of)
			if err != nil {
				return nil, fmt.Errorf("memory of %s: %w", part, err)
			}
			m[service] = max(m[service], size)
		}
	}
	return m, nil
}

// megabytes reads one line of a process's status.
func megabytes(pid int, line string) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for text := range strings.Lines(string(status)) {
		if fields := strings.Fields(text); len(fields) > 1 && fields[0] == line+":" {
			kilobytes, err := strconv.Atoi(fields[1])
			return float64(kilobytes) / 1024, err
		}
	}
	return 0, fmt.Errorf("process %d has no %s", pid, line)
}

// watch is a look at memory again and again.
type watch struct {
	cancel context.CancelFunc
	ended  chan struct{}
	most   memory // after ended, like err
	err    error
}

func (b *bench) watchMemory(ctx context.Context) *watch {
	ctx, cancel := context.WithCancel(ctx)
	w := &watch{cancel: cancel, ended: make(chan struct{}), most: make(memory)}
	go func() {
		defer close(w.ended)
		for pause(ctx, sampleEvery) == nil {
			now, err := b.memory(ctx, resident)
			if ctx.Err() != nil {
				return // the last look was cut off
			}
			if err != nil {
				w.err = err
				return
			}
			for service, size := range now {
				w.most[service] = max(w.most[service], size)
			}
		}
	}()
	return w
}

func (w *watch) stop() (memory, error) {
	w.cancel()
	<-w.ended
	return w.most, w.err
}

// rest is the platform without an order.
type rest struct {
	memory memory
	cost   cost // of a second
}

func (b *bench) atRest(ctx context.Context) (r rest, err error) {
	before, err := b.spent(ctx)
	if err != nil {
		return r, err
	}
	begun := time.Now()
	if err := pause(ctx, b.cfg.rest); err != nil {
		return r, err
	}
	after, err := b.spent(ctx)
	if err != nil {
		return r, err
	}
	r.cost = after.since(before)
	for what := range r.cost {
		r.cost[what] /= time.Since(begun).Seconds()
	}
	r.memory, err = b.memory(ctx, resident)
	return r, err
}
