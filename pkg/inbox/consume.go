package inbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
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
var errReload = errors.New("positions in memory are not those stored")

// worker reads the partitions of one assignment.
type worker struct {
	in        *Inbox
	share     Share
	topicIDs  map[string]string
	next      map[kafka.TopicPartition]int64 // to fetch from
	stored    map[kafka.TopicPartition]int64 // as in the database; 0 without a row
	parked    map[eventstore.ParkedKey]bool
	offsets   *reporter
	committed time.Time
}

// consume runs one generation. An error makes the group call it again.
func (in *Inbox) consume(ctx context.Context, s Share) error {
	in.assigned(len(s.Partitions))
	defer in.assigned(0)
	if len(s.Partitions) == 0 {
		<-ctx.Done()
		return nil
	}
	w := &worker{in: in, share: s, offsets: startReporter(ctx, s, in.deps.Logger)}
	defer w.offsets.stop()
	defer w.forgetLag()
	again := newPause(in.cfg)
	for {
		err := w.work(ctx)
		if !errors.Is(err, errReload) || ctx.Err() != nil {
			return ended(ctx, err)
		}
		in.deps.Logger.Debug("inbox starts from the stored positions again", zap.String("group", in.cfg.Group), zap.Error(err))
		again.wait(ctx)
		again.reset()
	}
}

// ended hides the errors that the end of the generation itself causes.
func ended(ctx context.Context, err error) error {
	var impossible *PositionError
	if ctx.Err() != nil && !errors.As(err, &impossible) {
		return nil
	}
	return err
}

// work reads from the stored positions on.
func (w *worker) work(ctx context.Context) error {
	if err := w.load(ctx); err != nil {
		return err
	}
	fetcher := w.in.deps.Broker.Fetcher()
	defer fetcher.Close()
	pause := newPause(w.in.cfg)
	for ctx.Err() == nil {
		pages, err := fetcher.Fetch(ctx, w.next)
		if err == nil {
			w.in.believed(pages)
			err = w.take(ctx, pages)
		}
		switch {
		case err == nil:
			pause.reset()
			w.in.succeeded()
		case ctx.Err() != nil || isFinal(err):
			return err
		default:
			w.in.failing(err)
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
		w.in.metrics.lag.WithLabelValues(page.Topic, fmt.Sprint(page.Partition)).Set(float64(max(0, page.LastStable-page.Next)))
		for records := page.Records; len(records) > 0; {
			got = true
			n := b.add(records, w.in.cfg)
			records = records[n:]
			to := page.Next
			if len(records) > 0 {
				to = records[0].Offset
			}
			b.move(page.TopicPartition, to)
			if len(records) > 0 || b.full(w.in.cfg) {
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
		w.addIdle(&b)
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
	w.addIdle(&b)
	if len(b.to) == 0 {
		return nil
	}
	return w.commit(ctx, b)
}

// addIdle lets a commit also move the partitions that were read past markers and
// aborted records only. Without it a partition that rests beside a busy one would
// never be seen to be caught up.
func (w *worker) addIdle(b *batch) {
	for tp, next := range w.next {
		if _, moves := b.to[tp]; !moves && next != w.stored[tp] {
			b.move(tp, next)
		}
	}
}

// load reads topic ids, positions and parked keys.
func (w *worker) load(ctx context.Context) error {
	topics, err := w.in.deps.Broker.DescribeTopics(ctx, w.in.cfg.Topics...)
	if err != nil {
		return fmt.Errorf("describe topics: %w", err)
	}
	w.topicIDs = make(map[string]string, len(topics))
	for name, info := range topics {
		w.topicIDs[name] = info.ID.String()
	}
	starts, err := w.in.deps.Broker.StartOffsets(ctx, w.share.Partitions...)
	if err != nil {
		return fmt.Errorf("start offsets: %w", err)
	}
	w.next = make(map[kafka.TopicPartition]int64, len(starts))
	w.stored = make(map[kafka.TopicPartition]int64, len(starts))
	for _, tp := range w.share.Partitions {
		p, known, err := w.in.deps.Store.Position(ctx, tp.Topic, tp.Partition)
		if err != nil {
			return fmt.Errorf("position of %s/%d: %w", tp.Topic, tp.Partition, err)
		}
		if known && p.TopicID != w.topicIDs[tp.Topic] {
			return &PositionError{tp.Topic, tp.Partition, p.Next, "the topic was deleted and made again: its id is " +
				w.topicIDs[tp.Topic] + ", the position belongs to " + p.TopicID}
		}
		w.stored[tp], w.next[tp] = p.Next, p.Next
		if known {
			w.offsets.set(tp, p.Next) // the last report of the owner before may be lost
		} else {
			w.next[tp] = starts[tp]
		}
	}
	w.committed = w.in.deps.Now()
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
	starts, err := w.in.deps.Broker.StartOffsets(ctx, tp)
	if err != nil {
		return err
	}
	ends, err := w.in.deps.Broker.EndOffsets(ctx, kafka.ReadUncommitted, tp)
	if err != nil {
		return err
	}
	p := w.next[tp]
	switch {
	case p >= starts[tp] && p <= ends[tp]:
		return fmt.Errorf("fetch %s/%d at %d: out of range for a moment", tp.Topic, tp.Partition, p)
	case w.stored[tp] == 0: // nothing was read yet: the log's start moved meanwhile
		return fmt.Errorf("%w: %s starts at %d, not at %d", errReload, tp, starts[tp], p)
	}
	reach := fmt.Sprintf("the log reaches from %d to %d", starts[tp], ends[tp])
	if p > ends[tp] && !w.in.beyondDoubt(doubt{tp, p}) {
		return fmt.Errorf("fetch %s at %d: its leader says that %s, which one that was deposed would say: asking again for %v", tp, p, reach, w.in.cfg.Doubt)
	}
	return &PositionError{tp.Topic, tp.Partition, p, reach}
}

// beyondDoubt tells whether a leader called the position beyond its log for long,
// whoever was asked. Where logs begin is never in doubt: nobody says too much.
func (in *Inbox) beyondDoubt(d doubt) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	now := in.deps.Now()
	since, known := in.doubts[d]
	if !known {
		if in.doubts == nil {
			in.doubts = make(map[doubt]time.Time)
		}
		in.doubts[d] = now
	}
	return known && now.Sub(since) >= in.cfg.Doubt
}

// believed ends the doubts about partitions that could be read.
func (in *Inbox) believed(pages []kafka.Page) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.doubts) == 0 {
		return
	}
	for _, page := range pages {
		if page.Err == nil {
			maps.DeleteFunc(in.doubts, func(d doubt, _ time.Time) bool { return d.TopicPartition == page.TopicPartition })
		}
	}
}

// forgetLag removes what another member will report from now on.
func (w *worker) forgetLag() {
	for _, tp := range w.share.Partitions {
		w.in.metrics.lag.DeleteLabelValues(tp.Topic, fmt.Sprint(tp.Partition))
	}
}

func (in *Inbox) assigned(partitions int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.status.Assigned = partitions
}

// failing notes an error that is survived.
func (in *Inbox) failing(err error) {
	in.metrics.failures.Inc()
	in.mu.Lock()
	first := in.status.Failing == nil
	in.status.Failing = err
	in.mu.Unlock()
	if first {
		in.deps.Logger.Warn("inbox is held up; it goes on trying", zap.String("group", in.cfg.Group), zap.Error(err))
	}
}

func (in *Inbox) succeeded() {
	in.mu.Lock()
	before := in.status.Failing
	in.status.Failing = nil
	in.mu.Unlock()
	if before != nil {
		in.deps.Logger.Info("inbox goes on", zap.String("group", in.cfg.Group))
	}
}
