package hop

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// topics are those of the services' records, without the levels of stock.
var topics = []string{"orders", "payments", "reservations"}

// late is how long records that were committed before an order ended may still
// take to be seen: partitions are read beside one another.
const late = 300 * time.Millisecond

// Config says where the brokers are.
type Config struct {
	Brokers []string
	Dial    func(ctx context.Context, network, address string) (net.Conn, error)
}

// Reader notes when records become visible. It is safe for concurrent use. Close
// it.
type Reader struct {
	client *kgo.Client
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // after ended

	mu  sync.Mutex
	run *Run
}

// Run is what was seen of the orders of one run, by its end.
type Run struct {
	name string
	want int
	done chan struct{}

	// Visible is when each record was first seen, by its event id; Completed when
	// each order was.
	Visible   map[string]time.Time
	Completed map[string]time.Time
	// Otherwise counts orders that ended in another way, and Twice records that
	// were seen more than once.
	Otherwise, Twice int
}

// Start reads from the beginning of the topics, until Close.
func Start(ctx context.Context, cfg Config) (*Reader, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...), kgo.Dialer(cfg.Dial), kgo.ConsumeTopics(topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &Reader{client: client, cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		r.err = r.read(ctx)
	}()
	return r, nil
}

// Close ends the reading.
func (r *Reader) Close() {
	r.cancel()
	<-r.ended
	r.client.Close()
}

// Follow forgets the run before and notes what it sees of the orders whose ids
// begin with a name, of which so many will be placed.
func (r *Reader) Follow(name string, orders int) *Run {
	run := &Run{name: name, want: orders, done: make(chan struct{}), Visible: make(map[string]time.Time), Completed: make(map[string]time.Time)}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.run = run
	return run
}

// Await waits until each order of the run that is followed has ended. The run does
// not change afterwards.
func (r *Reader) Await(ctx context.Context, run *Run) error {
	select {
	case <-run.done:
		return r.leave(ctx)
	case <-r.ended:
		return fmt.Errorf("read the topics: %w", r.err)
	case <-ctx.Done():
		r.mu.Lock()
		defer r.mu.Unlock()
		return fmt.Errorf("%d of %d orders have ended: %w", len(run.Completed)+run.Otherwise, run.want, context.Cause(ctx))
	}
}

// leave follows no run any more.
func (r *Reader) leave(ctx context.Context) error {
	t := time.NewTimer(late)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.run = nil
	return nil
}

func (r *Reader) read(ctx context.Context) error {
	for {
		fetched := r.client.PollFetches(ctx)
		now := time.Now()
		if ctx.Err() != nil {
			return nil
		}
		if err := fetched.Err(); err != nil {
			return err
		}
		r.mu.Lock()
		if r.run != nil {
			for i := fetched.RecordIter(); !i.Done(); {
				r.run.see(i.Next(), now)
			}
		}
		r.mu.Unlock()
	}
}

func (run *Run) see(r *kgo.Record, now time.Time) {
	if !strings.HasPrefix(string(r.Key), run.name) {
		return
	}
	var id, kind string
	for _, h := range r.Headers {
		switch h.Key {
		case "ce_id":
			id = string(h.Value)
		case "ce_type":
			kind = string(h.Value)
		}
	}
	if _, again := run.Visible[id]; again {
		run.Twice++
		return
	}
	run.Visible[id] = now
	switch {
	case r.Topic != "orders":
		return
	case strings.HasSuffix(kind, ".Completed"):
		run.Completed[string(r.Key)] = now
	case strings.HasSuffix(kind, ".Cancelled"):
		run.Otherwise++
	default:
		return
	}
	if len(run.Completed)+run.Otherwise == run.want {
		close(run.done)
	}
}
