package inbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

const (
	// idleAdvance is how long a position may lag behind control markers and
	// aborted records alone, so that not every marker costs a commit.
	idleAdvance = 200 * time.Millisecond
	// parkedPage bounds one read of the parked keys.
	parkedPage = 500
)

// errReload says that the positions in memory are not those of the database:
// somebody else owns the partitions now, or did in between.
var errReload = errors.New("positions moved: another consumer committed; reloading")

// worker reads the partitions of one assignment.
type worker struct {
	in         *Inbox
	assignment *kafka.Assignment
	topicIDs   map[string]string
	next       map[kafka.TopicPartition]int64 // to fetch from
	stored     map[kafka.TopicPartition]int64 // as in the database
	parked     map[eventstore.ParkedKey]bool
	offsets    *reporter
	committed  time.Time
}

// consume runs one generation. An error makes the group call it again.
func (in *Inbox) consume(ctx context.Context, a *kafka.Assignment) error {
	in.state.Store(&Status{Assigned: len(a.Partitions)})
	defer in.state.Store(&Status{})
	if len(a.Partitions) == 0 {
		<-ctx.Done()
		return nil
	}
	w := &worker{in: in, assignment: a, committed: in.deps.Now()}
	if err := w.load(ctx); err != nil {
		return w.ended(ctx, err)
	}
	w.offsets = startReporter(ctx, a, in.deps.Logger)
	defer w.offsets.stop()
	return w.ended(ctx, w.loop(ctx))
}

// ended hides the errors that the end of the generation itself causes.
func (w *worker) ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		var impossible *PositionError
		if !errors.As(err, &impossible) {
			return nil
		}
	}
	return err
}

func (w *worker) loop(ctx context.Context) error {
	fetcher := kafka.NewFetcher(w.in.deps.Client, kafka.FetcherConfig{Isolation: kafka.ReadCommitted})
	pause := newPause(w.in.cfg)
	for ctx.Err() == nil {
		pages, err := fetcher.Fetch(ctx, w.next)
		if err == nil {
			err = w.take(ctx, pages)
		}
		switch {
		case err == nil:
			pause.reset()
		case ctx.Err() != nil:
			return nil
		case isFinal(err):
			return err
		default:
			w.failing(err)
			pause.wait(ctx)
		}
	}
	return nil
}

func isFinal(err error) bool {
	var impossible *PositionError
	return errors.As(err, &impossible) || errors.Is(err, errReload)
}

// take handles what one fetch returned.
func (w *worker) take(ctx context.Context, pages []kafka.Page) error {
	var first error
	var b batch
	got := false
	for _, page := range pages {
		if page.Err != nil {
			if errors.Is(page.Err, kafka.ErrOffsetOutOfRange) {
				return w.outOfRange(ctx, page.TopicPartition)
			}
			first = errors.Join(first, fmt.Errorf("fetch %s/%d: %w", page.Topic, page.Partition, page.Err))
			continue
		}
		w.in.metrics.lag.WithLabelValues(page.Topic, fmt.Sprint(page.Partition)).Set(float64(page.LastStable - page.Next))
		for records := page.Records; len(records) > 0; {
			got = true
			n := min(len(records), w.in.cfg.BatchRecords-len(b.records))
			b.records = append(b.records, records[:n]...)
			records = records[n:]
			to := page.Next
			if len(records) > 0 {
				to = records[0].Offset
			}
			b.move(page.TopicPartition, to)
			if len(b.records) == w.in.cfg.BatchRecords {
				if err := w.commit(ctx, b); err != nil {
					return err
				}
				b = batch{}
			}
		}
		if len(page.Records) == 0 {
			w.next[page.TopicPartition] = page.Next
		}
	}
	if len(b.records) > 0 {
		if err := w.commit(ctx, b); err != nil {
			return err
		}
	}
	if !got {
		if err := w.advance(ctx); err != nil {
			return err
		}
	}
	return first
}

// advance stores positions that moved past markers and aborted records only.
func (w *worker) advance(ctx context.Context) error {
	if w.in.deps.Now().Sub(w.committed) < idleAdvance {
		return nil
	}
	var b batch
	for tp, next := range w.next {
		if next != w.stored[tp] {
			b.move(tp, next)
		}
	}
	if len(b.to) == 0 {
		return nil
	}
	return w.commit(ctx, b)
}

// load reads topic ids, positions and parked keys.
func (w *worker) load(ctx context.Context) error {
	topics, err := w.in.deps.Client.DescribeTopics(ctx, w.in.cfg.Topics...)
	if err != nil {
		return fmt.Errorf("describe topics: %w", err)
	}
	w.topicIDs = make(map[string]string, len(topics))
	for name, info := range topics {
		w.topicIDs[name] = info.ID.String()
	}
	starts, err := w.in.deps.Client.StartOffsets(ctx, w.assignment.Partitions...)
	if err != nil {
		return fmt.Errorf("start offsets: %w", err)
	}
	w.next = make(map[kafka.TopicPartition]int64, len(starts))
	w.stored = make(map[kafka.TopicPartition]int64, len(starts))
	for _, tp := range w.assignment.Partitions {
		p, known, err := w.in.deps.Store.Position(ctx, tp.Topic, tp.Partition)
		if err != nil {
			return fmt.Errorf("position of %s/%d: %w", tp.Topic, tp.Partition, err)
		}
		if known && p.TopicID != w.topicIDs[tp.Topic] {
			return &PositionError{tp.Topic, tp.Partition, p.Next, "the topic was deleted and made again: its id is " +
				w.topicIDs[tp.Topic] + ", the position belongs to " + p.TopicID}
		}
		w.stored[tp], w.next[tp] = p.Next, p.Next
		if !known {
			w.next[tp] = starts[tp]
		}
	}
	return w.loadParked(ctx)
}

func (w *worker) loadParked(ctx context.Context) error {
	w.parked = make(map[eventstore.ParkedKey]bool)
	var after eventstore.ParkedKey
	for {
		page, err := w.in.deps.Store.Parked(ctx, after, parkedPage)
		if err != nil {
			return fmt.Errorf("parked keys: %w", err)
		}
		for _, p := range page {
			w.parked[p.ParkedKey] = true
		}
		if len(page) < parkedPage {
			return nil
		}
		after = page[len(page)-1].ParkedKey
	}
}

func (w *worker) outOfRange(ctx context.Context, tp kafka.TopicPartition) error {
	starts, err := w.in.deps.Client.StartOffsets(ctx, tp)
	if err != nil {
		return err
	}
	ends, err := w.in.deps.Client.EndOffsets(ctx, kafka.ReadUncommitted, tp)
	if err != nil {
		return err
	}
	if p := w.next[tp]; p >= starts[tp] && p <= ends[tp] {
		return fmt.Errorf("fetch %s/%d at %d: out of range for a moment", tp.Topic, tp.Partition, p)
	}
	return &PositionError{tp.Topic, tp.Partition, w.next[tp],
		fmt.Sprintf("the log reaches from %d to %d", starts[tp], ends[tp])}
}

func (w *worker) failing(err error) {
	w.in.metrics.failures.Inc()
	if w.in.state.Load().Failing == nil {
		w.in.deps.Logger.Warn("inbox is held up; it goes on trying", zap.String("group", w.in.cfg.Group), zap.Error(err))
	}
	w.in.state.Store(&Status{Assigned: len(w.assignment.Partitions), Failing: err})
}

func (w *worker) succeeded() {
	if w.in.state.Load().Failing != nil {
		w.in.deps.Logger.Info("inbox goes on", zap.String("group", w.in.cfg.Group))
		w.in.state.Store(&Status{Assigned: len(w.assignment.Partitions)})
	}
}
