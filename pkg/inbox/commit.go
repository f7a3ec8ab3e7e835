package inbox

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

// batch is what one commit handles: records, and where the partitions stand
// after them.
type batch struct {
	records []kafka.Record
	to      map[kafka.TopicPartition]int64
}

func (b *batch) move(tp kafka.TopicPartition, to int64) {
	if b.to == nil {
		b.to = make(map[kafka.TopicPartition]int64)
	}
	b.to[tp] = to
}

// commit handles a batch until it is durable. It returns errReload when the
// partitions turn out to be somebody else's, or an error when ctx ends.
func (w *worker) commit(ctx context.Context, b batch) error {
	pause := newPause(w.in.cfg)
	for {
		err := w.attempt(ctx, b)
		if err != nil {
			var landed bool
			if landed, err = w.whatHappened(ctx, b, err); landed {
				err = nil
			}
		}
		switch {
		case err == nil:
			w.done(b)
			return nil
		case ctx.Err() != nil || isFinal(err):
			return err
		}
		if errors.Is(err, eventstore.ErrConflict) {
			w.in.metrics.conflicts.Inc()
		} else {
			w.failing(err)
		}
		pause.wait(ctx)
	}
}

// whatHappened compares the stored positions with the batch: after any failure,
// and above all after an unknown outcome, they alone tell what is true.
func (w *worker) whatHappened(ctx context.Context, b batch, cause error) (landed bool, err error) {
	unchanged, moved := 0, 0
	for tp, to := range b.to {
		p, _, err := w.in.deps.Store.Position(ctx, tp.Topic, tp.Partition)
		if err != nil {
			return false, errors.Join(cause, err)
		}
		if p.Next == w.stored[tp] {
			unchanged++
		}
		if p.Next == to {
			moved++
		}
	}
	switch {
	case unchanged == len(b.to):
		return false, cause
	case moved == len(b.to) && errors.Is(cause, eventstore.ErrOutcomeUnknown):
		return true, nil
	default:
		w.in.metrics.lost.Inc()
		return false, fmt.Errorf("%w: %w", errReload, cause)
	}
}

// attempt decodes, handles and commits once.
func (w *worker) attempt(ctx context.Context, b batch) error {
	good, parks, err := w.decode(ctx, b.records)
	if err != nil {
		return err
	}
	for {
		err := w.once(ctx, b, good, parks)
		var bad *RecordError
		if !errors.As(err, &bad) || !IsPermanent(bad.Err) || bad.Index < 0 || bad.Index >= len(good) {
			return err
		}
		parks = append(parks, w.park(good[bad.Index].Record, bad.Err))
		good = slices.Delete(slices.Clone(good), bad.Index, bad.Index+1)
	}
}

// decode reads the values before any transaction begins. Tombstones mean
// "forget", which there is nothing to do for here; they only move the position.
func (w *worker) decode(ctx context.Context, records []kafka.Record) ([]Record, []eventstore.Parked, error) {
	good := make([]Record, 0, len(records))
	var parks []eventstore.Parked
	for _, r := range records {
		if r.Value == nil {
			continue
		}
		v, err := w.in.deps.Decode(ctx, r)
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
	if len(good) > 0 {
		if err := w.in.deps.Handler.Handle(ctx, tx, &unit, good); err != nil {
			return err
		}
	}
	parkedHere := make(map[eventstore.ParkedKey]int64, len(parks))
	for _, p := range parks {
		parkedHere[p.ParkedKey] = max(parkedHere[p.ParkedKey], p.Offset)
	}
	unpark := make(map[eventstore.ParkedKey]bool)
	for i := range good {
		key := eventstore.ParkedKey{Topic: good[i].Topic, Key: string(good[i].Key)}
		_, here := parkedHere[key]
		if (here || w.parked[key]) && good[i].Offset > parkedHere[key] {
			unpark[key] = true
		}
	}
	for _, p := range parks {
		if !unpark[p.ParkedKey] {
			unit.Park = append(unit.Park, p)
		}
	}
	for key := range unpark {
		if w.parked[key] {
			unit.Unpark = append(unit.Unpark, key)
		}
	}
	for tp, to := range b.to {
		unit.Moves = append(unit.Moves, eventstore.Move{
			Topic: tp.Topic, Partition: tp.Partition, TopicID: w.topicIDs[tp.Topic], From: w.stored[tp], To: to,
		})
	}
	timer := w.in.metrics.commitTimer()
	if err := tx.Commit(ctx, unit); err != nil {
		return err
	}
	timer()
	for _, p := range unit.Park {
		w.parked[p.ParkedKey] = true
		w.in.metrics.parked.WithLabelValues(p.Topic).Inc()
		w.in.deps.Logger.Error("record parked: it will always fail; see `murmur parked`", zap.String("topic", p.Topic),
			zap.String("key", p.Key), zap.Int32("partition", p.Partition), zap.Int64("offset", p.Offset), zap.String("reason", p.Reason))
	}
	for _, key := range unit.Unpark {
		delete(w.parked, key)
	}
	return nil
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
	w.succeeded()
}
