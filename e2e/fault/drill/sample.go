//go:build e2e

package drill

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/murmuration-dev/murmuration/e2e/stack"
)

const (
	// sampleEvery is how often counters are read: what a process counts in its last
	// moments before a kill is missed.
	sampleEvery = time.Second
	sampleFor   = 900 * time.Millisecond
)

// counted are the counters that are summed over all processes there ever were.
var counted = []string{"outbox_batches_total", "outbox_fencings_total", "outbox_reinits_total", "murmuration_inbox_fenced_total", "murmuration_inbox_conflicts_total"}

const started = "process_start_time_seconds"

// process is one run of a replica.
type process struct{ ops, started string }

// samples are the last counters seen of every process.
type samples struct {
	cancel   context.CancelFunc
	finished sync.WaitGroup

	mu   sync.Mutex
	last map[process]map[string]float64
}

// sample reads the counters of all replicas until stop.
func sample(of *stack.Containers) *samples {
	ctx, cancel := context.WithCancel(context.Background())
	s := &samples{cancel: cancel, last: make(map[process]map[string]float64)}
	s.finished.Go(func() {
		tick := time.NewTicker(sampleEvery)
		defer tick.Stop()
		for {
			s.look(ctx, of)
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	return s
}

func (s *samples) stop() {
	s.cancel()
	s.finished.Wait()
}

func (s *samples) look(ctx context.Context, of *stack.Containers) {
	at := of.Addresses()
	var asking sync.WaitGroup
	for _, r := range slices.Concat(at.Order.Replicas, at.Payment.Replicas, at.Inventory.Replicas) {
		asking.Go(func() {
			if values := scrape(ctx, r.Ops); values != nil {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.last[process{r.Ops, values[started]}] = numbers(values)
			}
		})
	}
	asking.Wait()
}

// scrape reads the counters of one process; nil if it does not answer.
func scrape(ctx context.Context, ops string) map[string]string {
	ctx, cancel := context.WithTimeout(ctx, sampleFor)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, ops+"/metrics", http.NoBody)
	if err != nil {
		return nil
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return nil
	}
	defer res.Body.Close()
	out := make(map[string]string)
	for lines := bufio.NewScanner(io.LimitReader(res.Body, 4<<20)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		name, _, _ = strings.Cut(name, "{")
		out[name] = value
	}
	return out
}

func numbers(values map[string]string) map[string]float64 {
	out := make(map[string]float64)
	for _, name := range counted {
		if n, err := strconv.ParseFloat(values[name], 64); err == nil {
			out[name] = n
		}
	}
	return out
}

// sum adds a counter up over all processes.
func (s *samples) sum(name string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var total float64
	for _, values := range s.last {
		total += values[name]
	}
	return int64(total)
}
