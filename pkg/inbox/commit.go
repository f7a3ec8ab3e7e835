package inbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

// batch is what one commit handles: records, and where the partitions stand
// after them.
type batch struct {
	records []kafka.Record
	bytes   int
	to      map[kafka.TopicPartition]int64
}

// add takes records until the batch is full, at least one into an empty batch,
// and returns how many.
func (b *batch) add(records []kafka.Record, cfg Config) int {
	for i := range records {
		if len(b.records) > 0 && b.full(cfg) {
			return i
		}
		b.records = append(b.records, records[i])
		b.bytes += len(records[i].Value)
	}
	return len(records)
}

func (b *batch) full(cfg Config) bool {
	return len(b.records) >= cfg.BatchRecords || b.bytes >= cfg.BatchBytes
}

func (b *batch) move(tp kafka.TopicPartition, to int64) {
	if b.to == nil {
		b.to = make(map[kafka.TopicPartition]int64)
	}
	b.to[tp] = to
}

// commit handles a batch until it is durable. It returns errReload when the
// stored positions turn out to be others, or an error when ctx ends.
func (w *worker) commit(ctx context.Context, b batch) error {
	pause := newPause(w.in.cfg)
	for {
		err := w.attempt(ctx, b)
		if err == nil {
			w.done(b)
			return nil
		}
		err = w.whatHappened(ctx, b, err)
		switch {
		case ctx.Err() != nil || isFinal(err):
			return err
		case errors.Is(err, eventstore.ErrConflict):
			w.in.metrics.conflicts.Inc()
		default:
			w.in.failing(err)
		}
		pause.wait(ctx)
	}
}

// whatHappened compares the stored positions with those that the batch was read
// at: after any failure, and above all after an unknown outcome, they alone tell
// what is true. Whoever moved them, this batch is over.
func (w *worker) whatHappened(ctx context.Context, b batch, cause error) error {
	moved := false
	for _, tp := range slices.SortedFunc(maps.Keys(b.to), byPartition) {
		p, _, err := w.in.deps.Store.Position(ctx, tp.Topic, tp.Partition)
		if err != nil {
			return errors.Join(cause, err)
		}
		moved = moved || p.Next != w.stored[tp]
	}
	if !moved {
		return cause
	}
	if !errors.Is(cause, eventstore.ErrOutcomeUnknown) {
		w.in.metrics.lost.Inc()
	}
	return fmt.Errorf("%w: %w", errReload, cause)
}

// attempt decodes, handles and commits once.
func (w *worker) attempt(ctx context.Context, b batch) error {
	good, parks, err := w.decode(ctx, b.records)
	if err != nil {
		return err
	}
	for {
		err := w.once(ctx, b, good, parks)
		if errors.Is(err, eventstore.ErrRecordTooLarge) {
			err = w.blame(ctx, good, err)
		}
		var bad *RecordError
		if !errors.As(err, &bad) || !IsPermanent(bad.Err) || bad.Index < 0 || bad.Index >= len(good) {
			return err
		}
		parks = append(parks, w.park(good[bad.Index].Record, bad.Err))
		good = slices.Delete(slices.Clone(good), bad.Index, bad.Index+1)
	}
}

// decode reads the values before any transaction begins. Tombstones mean
// "forget", which there is nothing to do for here; they only move the position
// and supersede what is parked.
func (w *worker) decode(ctx context.Context, records []kafka.Record) ([]Record, []eventstore.Parked, error) {
	good := make([]Record, 0, len(records))
	var parks []eventstore.Parked
	for _, r := range records {
		if r.Value == nil {
			continue
		}
		v, err := w.read(ctx, r)
		switch {
		case err == nil:
			good = append(good, Record{Record: r, Decoded: v})
		case IsPermanent(err):
			parks = append(parks, w.park(r, err))
		default:
			return nil, nil, fmt.Errorf("decode %s/%d@%d: %w", r.Topic, r.Partition, r.Offset, err)
		}
	}
	return good, parks, nil
}

// once is the transaction: effects, parked records and positions together.
func (w *worker) once(ctx context.Context, b batch, good []Record, parks []eventstore.Parked) error {
	tx, err := w.in.deps.Store.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var unit eventstore.Unit
	if err := w.handle(ctx, tx, &unit, good); err != nil {
		return err
	}
	w.settle(&unit, b.records, parks)
	for _, tp := range slices.SortedFunc(maps.Keys(b.to), byPartition) { // one order of locks for all
		unit.Moves = append(unit.Moves, eventstore.Move{
			Topic: tp.Topic, Partition: tp.Partition, TopicID: w.topicIDs[tp.Topic], From: w.stored[tp], To: b.to[tp],
		})
	}
	timer := w.in.metrics.commitTimer()
	if err := tx.Commit(ctx, unit); err != nil {
		return err
	}
	timer()
	w.settled(unit)
	return nil
}

// settle decides what becomes of the keys that are parked or must be: the last
// record of each key in the batch counts, as after compaction.
func (w *worker) settle(unit *eventstore.Unit, records []kafka.Record, parks []eventstore.Parked) {
	type place struct {
		tp     kafka.TopicPartition
		offset int64
	}
	bad := make(map[place]eventstore.Parked, len(parks))
	for _, p := range parks {
		bad[place{kafka.TopicPartition{Topic: p.Topic, Partition: p.Partition}, p.Offset}] = p
	}
	if len(bad) == 0 && len(w.parked) == 0 {
		return
	}
	last := make(map[eventstore.ParkedKey]place)
	for i := range records {
		r := &records[i]
		last[eventstore.ParkedKey{Topic: r.Topic, Key: string(r.Key)}] = place{r.TopicPartition(), r.Offset}
	}
	for key, at := range last {
		if p, parks := bad[at]; parks {
			unit.Park = append(unit.Park, p)
		} else if w.parked[key] {
			unit.Unpark = append(unit.Unpark, key)
		}
	}
}

// settled remembers what a commit made of the parked keys.
func (w *worker) settled(unit eventstore.Unit) {
	for _, p := range unit.Park {
		w.parked[p.ParkedKey] = true
		w.in.metrics.parked.WithLabelValues(p.Topic).Inc()
		w.in.deps.Logger.Error("record parked: it will always fail; see `murmur parked`", zap.String("topic", p.Topic),
			zap.String("key", p.Key), zap.Int32("partition", p.Partition), zap.Int64("offset", p.Offset), zap.String("reason", p.Reason))
	}
	for _, key := range unit.Unpark {
		delete(w.parked, key)
	}
}

func (w *worker) park(r kafka.Record, cause error) eventstore.Parked {
	headers := make([]eventstore.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = eventstore.Header{Key: h.Key, Value: string(h.Value)}
	}
	return eventstore.Parked{
		ParkedKey: eventstore.ParkedKey{Topic: r.Topic, Key: string(r.Key)},
		Partition: r.Partition, Offset: r.Offset, Reason: cause.Error(), At: w.in.deps.Now().UnixMicro(),
		Headers: headers, Value: r.Value,
	}
}

func (w *worker) done(b batch) {
	for tp, to := range b.to {
		w.stored[tp] = to
		w.next[tp] = max(w.next[tp], to)
		w.offsets.set(tp, to)
	}
	for _, r := range b.records {
		w.in.metrics.records.WithLabelValues(r.Topic).Inc()
	}
	w.in.metrics.batches.Observe(float64(len(b.records)))
	w.committed = w.in.deps.Now()
}

func byPartition(a, b kafka.TopicPartition) int {
	return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
}
