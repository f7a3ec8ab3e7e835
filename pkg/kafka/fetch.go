package kafka

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// ErrOffsetOutOfRange says that a partition does not hold the offset asked for:
// it was deleted by retention, or the topic is another one than the position was
// made for. Where to go on is the caller's decision.
var ErrOffsetOutOfRange = errors.New("kafka: offset out of range")

const (
	defaultMaxWait           = 500 * time.Millisecond
	defaultPartitionMaxBytes = 1 << 20
	// defaultMaxBytes is one response of one leader. It is kept far above what
	// the partitions add up to: the share of each is PartitionMaxBytes.
	defaultMaxBytes = 50 << 20
)

// FetcherConfig has defaults for every zero field.
type FetcherConfig struct {
	Isolation         Isolation     // zero is ReadUncommitted: say ReadCommitted for transactional topics
	MaxWait           time.Duration // how long a Fetch waits for the first record; default 500 ms
	PartitionMaxBytes int32         // per partition and response; default 1 MiB. One larger batch still comes whole
	MaxBytes          int32         // per leader and response; default 50 MiB
}

func (cfg FetcherConfig) withDefaults() FetcherConfig {
	if cfg.MaxWait <= 0 {
		cfg.MaxWait = defaultMaxWait
	}
	if cfg.PartitionMaxBytes <= 0 {
		cfg.PartitionMaxBytes = defaultPartitionMaxBytes
	}
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = defaultMaxBytes
	}
	return cfg
}

// Page is what one Fetch found of one partition.
type Page struct {
	TopicPartition
	// Records in offset order. Offsets may have gaps: aborted transactions,
	// markers and compaction leave them, and nothing is missing there.
	Records []Record
	// Next is where to read on. Store it even when there are no Records; it is
	// the position asked for when nothing was read.
	Next int64
	// HighWatermark and LastStable are the ends of the partition for readers of
	// either isolation when the broker answered; -1 if unknown.
	HighWatermark, LastStable int64
	// Err is set when nothing could be read: ErrOffsetOutOfRange, ErrCorrupt, or
	// what still kept the leader from answering when the wait was over (the next
	// Fetch tries again). There are no Records then.
	Err error
}

// passing reports whether the next Fetch may succeed where this one did not.
func (p Page) passing() bool {
	return p.Err != nil && retriable(p.Err) && !errors.Is(p.Err, ErrCorrupt)
}

// Fetcher reads partitions at positions that the caller keeps. It holds none: the
// same positions give the same records, so a caller that failed to apply a page
// just asks again.
//
// Every leader is asked by one long poll for all its partitions. A poll that a
// Fetch started and did not wait for is used by the next one, as far as the
// positions are still the same. A Fetcher is not safe for concurrent use; Close
// it.
type Fetcher struct {
	client *Client
	cfg    FetcherConfig
	ctx    context.Context // of the polls, which outlive a Fetch
	cancel context.CancelFunc
	wg     sync.WaitGroup
	polls  []*poll
	ready  chan struct{} // a poll was answered
	turn   int
}

// NewFetcher does not connect.
func NewFetcher(c *Client, cfg FetcherConfig) *Fetcher {
	ctx, cancel := context.WithCancel(context.Background())
	return &Fetcher{client: c, cfg: cfg.withDefaults(), ctx: ctx, cancel: cancel, ready: make(chan struct{}, 1)}
}

// Close ends the polls under way and waits for them. A Fetch under way, or made
// afterwards, returns ErrClosed.
func (f *Fetcher) Close() {
	f.cancel()
	f.wg.Wait()
}

// Fetch returns as soon as some leader has something at the given positions,
// with what the others have sent by then, or after MaxWait. Something is records,
// or a Next that moved past what is not for this reader. A partition whose leader
// has not answered yet has no page.
//
// A leader that moves or restarts is followed; it shows as Page.Err only if
// MaxWait was not enough. So does a topic or partition that does not exist
// (ErrUnknownTopic). The error of Fetch itself is that of ctx, or ErrClosed.
func (f *Fetcher) Fetch(ctx context.Context, positions map[TopicPartition]int64) ([]Page, error) {
	r := round{
		Fetcher:   f,
		positions: positions,
		deadline:  time.Now().Add(f.cfg.MaxWait),
		found:     make(map[TopicPartition]Page, len(positions)),
		later:     map[TopicPartition]struct{}{},
	}
	f.retire(positions)
	// Leaders answer an idle poll at the deadline: give the answer time to arrive.
	last := time.NewTimer(f.cfg.MaxWait + answerGrace)
	defer last.Stop()
	for {
		news := r.collect() || !r.launch(ctx) && len(positions) > 0
		switch {
		case ctx.Err() != nil: // before all else: what was found then may be its doing
			return nil, ctx.Err()
		case f.ctx.Err() != nil:
			return nil, ErrClosed
		case news:
			return r.pages(), nil
		}
		select {
		case <-ctx.Done(): // the loop says so
		case <-f.ctx.Done():
		case <-last.C:
			return r.pages(), nil
		case <-r.retry:
			r.retry = nil
			clear(r.later)
		case <-f.ready:
		}
	}
}

func (r *round) pages() []Page {
	return slices.SortedFunc(maps.Values(r.found), func(a, b Page) int {
		return comparePartitions(a.TopicPartition, b.TopicPartition)
	})
}
