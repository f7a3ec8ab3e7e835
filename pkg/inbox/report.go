package inbox

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/pkg/jitter"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

const (
	// reportEvery is how often Kafka is told the offsets: often enough for lag
	// tools, rarely enough to cost nothing.
	reportEvery = time.Second
	// reportTimeout bounds the last report of a generation.
	reportTimeout = time.Second
)

// reporter tells Kafka, for lag tools, what the database already knows. A failed
// report harms nothing.
type reporter struct {
	share    Share
	logger   *zap.Logger
	cancel   context.CancelFunc
	finished sync.WaitGroup

	mu      sync.Mutex
	pending map[kafka.TopicPartition]int64
}

// startReporter returns a reporter that works until stop, beyond the end of ctx:
// the batch under way then may still be committed.
func startReporter(ctx context.Context, s Share, logger *zap.Logger) *reporter {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &reporter{share: s, logger: logger, cancel: cancel, pending: make(map[kafka.TopicPartition]int64)}
	r.finished.Go(func() {
		tick := time.NewTicker(reportEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				r.report(ctx)
			case <-ctx.Done():
				last, done := context.WithTimeout(context.WithoutCancel(ctx), reportTimeout)
				r.report(last)
				done()
				return
			}
		}
	})
	return r
}

func (r *reporter) set(tp kafka.TopicPartition, next int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending[tp] = next
}

func (r *reporter) report(ctx context.Context) {
	r.mu.Lock()
	offsets := r.pending
	r.pending = make(map[kafka.TopicPartition]int64)
	r.mu.Unlock()
	if len(offsets) == 0 {
		return
	}
	err := r.share.Report(ctx, offsets)
	if err == nil {
		return
	}
	r.logger.Debug("offsets not reported to Kafka yet; only lag tools miss them", zap.Error(err))
	r.mu.Lock()
	defer r.mu.Unlock()
	for tp, next := range offsets { // unless there is news meanwhile
		if _, newer := r.pending[tp]; !newer {
			r.pending[tp] = next
		}
	}
}

func (r *reporter) stop() {
	r.cancel()
	r.finished.Wait()
}

// pause waits between attempts: doubling, with jitter, bounded.
type pause struct{ first, next, max time.Duration }

func newPause(cfg Config) *pause {
	return &pause{first: cfg.RetryInitial, next: cfg.RetryInitial, max: cfg.RetryMax}
}

func (p *pause) reset() { p.next = p.first }

func (p *pause) wait(ctx context.Context) {
	_ = sleep(ctx, p.next/2+jitter.Below(ctx, p.next/2+1)) // the caller looks at ctx
	p.next = min(2*p.next, p.max)
}

type metrics struct {
	records   *prometheus.CounterVec
	batches   prometheus.Histogram
	commit    prometheus.Histogram
	parked    *prometheus.CounterVec
	failures  prometheus.Counter
	conflicts prometheus.Counter
	lost      prometheus.Counter
	lag       *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		records:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "murmuration_inbox_records_total", Help: "Records whose effects were committed, by topic."}, []string{"topic"}),
		batches:   prometheus.NewHistogram(prometheus.HistogramOpts{Name: "murmuration_inbox_batch_records", Help: "Records per commit.", Buckets: prometheus.ExponentialBuckets(1, 4, 6)}),
		commit:    prometheus.NewHistogram(prometheus.HistogramOpts{Name: "murmuration_inbox_commit_seconds", Help: "Time of the commit of a batch.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14)}),
		parked:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "murmuration_inbox_parked_total", Help: "Records set aside because they will always fail, by topic."}, []string{"topic"}),
		failures:  prometheus.NewCounter(prometheus.CounterOpts{Name: "murmuration_inbox_failures_total", Help: "Transient failures that were retried."}),
		conflicts: prometheus.NewCounter(prometheus.CounterOpts{Name: "murmuration_inbox_conflicts_total", Help: "Batches that lost a compare-and-set on a stream and were handled again."}),
		lost:      prometheus.NewCounter(prometheus.CounterOpts{Name: "murmuration_inbox_fenced_total", Help: "Batches rolled back because another consumer had moved the position."}),
		lag:       prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "murmuration_inbox_lag_records", Help: "Offsets between what was read and the last stable offset."}, []string{"topic", "partition"}),
	}
	if reg != nil {
		reg.MustRegister(m.records, m.batches, m.commit, m.parked, m.failures, m.conflicts, m.lost, m.lag)
	}
	return m
}

func (m *metrics) commitTimer() func() {
	start := time.Now()
	return func() { m.commit.Observe(time.Since(start).Seconds()) }
}
