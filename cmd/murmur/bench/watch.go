package bench

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/schemas"
)

// watcher sees orders become COMPLETED, as any reader of committed records does.
// It looks at headers only, so that it costs little beside what is measured.
type watcher struct {
	client    *kafka.Client
	positions map[kafka.TopicPartition]int64
	run       string

	mu       sync.Mutex
	done     map[string]time.Time
	ended    int // orders that ended otherwise
	finished time.Time
	want     int
	all      chan struct{}
}

func newWatcher(ctx context.Context, to embedded.Addresses, run string, want int) (*watcher, error) {
	brokers, err := participant.KafkaFromEnvironment(to.Brokers(), "murmur-bench")
	if err != nil {
		return nil, err
	}
	client, err := kafka.NewClient(brokers)
	if err != nil {
		return nil, err
	}
	w := &watcher{client: client, run: run, want: want, done: make(map[string]time.Time, want), all: make(chan struct{})}
	topics, err := client.DescribeTopics(ctx, schemas.Orders)
	if err == nil {
		var tps []kafka.TopicPartition
		for _, p := range topics[schemas.Orders].Partitions {
			tps = append(tps, kafka.TopicPartition{Topic: schemas.Orders, Partition: p.ID})
		}
		w.positions, err = client.EndOffsets(ctx, kafka.ReadCommitted, tps...)
	}
	if err != nil {
		client.Close()
		return nil, err
	}
	return w, nil
}

// watch reads until ctx ends.
func (w *watcher) watch(ctx context.Context) error {
	defer w.client.Close()
	fetcher := kafka.NewFetcher(w.client, kafka.FetcherConfig{Isolation: kafka.ReadCommitted})
	defer fetcher.Close()
	for ctx.Err() == nil {
		pages, err := fetcher.Fetch(ctx, w.positions)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		now := time.Now()
		var failed error
		for _, page := range pages {
			failed = errors.Join(failed, page.Err)
			w.positions[page.TopicPartition] = page.Next
			for _, r := range page.Records {
				w.see(r, now)
			}
		}
		if failed != nil {
			return failed
		}
	}
	return nil
}

func (w *watcher) see(r kafka.Record, now time.Time) {
	id := string(r.Key)
	kind, _ := r.Header(aggregate.HeaderEventType)
	if !strings.HasPrefix(id, w.run) {
		return
	}
	completed, cancelled := strings.HasSuffix(kind, ".Completed"), strings.HasSuffix(kind, ".Cancelled")
	if !completed && !cancelled {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if completed {
		w.done[id] = now
	} else {
		w.ended++
	}
	if len(w.done)+w.ended == w.want {
		w.finished = now
		close(w.all)
	}
}
