package inbox

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sort"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

// handle calls the handler. A panic becomes an error that is retried: it is a
// mistake in the program, which a new version mends, and must take neither the
// process down, which would meet the same record again, nor the record away.
func (w *worker) handle(ctx context.Context, tx eventstore.Tx, unit *eventstore.Unit, records []Record) (err error) {
	if len(records) == 0 {
		return nil
	}
	defer recovered(&err, "handle %d records from %s@%d on", len(records), records[0].TopicPartition(), records[0].Offset)
	return w.in.deps.Handler.Handle(ctx, tx, unit, records)
}

// read calls the decoder; for a panic see handle.
func (w *worker) read(ctx context.Context, r kafka.Record) (v any, err error) {
	defer recovered(&err, "decode %s@%d", r.TopicPartition(), r.Offset)
	return w.in.deps.Decode(ctx, r)
}

func recovered(err *error, what string, args ...any) {
	if p := recover(); p != nil {
		*err = fmt.Errorf(what+": panic: %v\n%s", append(args, p, debug.Stack())...)
	}
}

// blame finds the record whose effects are too large to be published: it will
// always fail, and would hold up all others. It is the first one with which the
// batch up to it no longer fits.
func (w *worker) blame(ctx context.Context, records []Record, cause error) error {
	var failed error
	index := sort.Search(len(records), func(i int) bool {
		ok, err := w.fits(ctx, records[:i+1])
		failed = errors.Join(failed, err)
		return err != nil || !ok
	})
	if failed != nil {
		return failed
	}
	if index == len(records) {
		return cause
	}
	return &RecordError{Index: index, Err: Permanent(cause)}
}

// fits tries what records lead to, and leaves no trace.
func (w *worker) fits(ctx context.Context, records []Record) (bool, error) {
	tx, err := w.in.deps.Store.Begin(ctx)
	if err != nil {
		return false, err
	}
	defer tx.Rollback()
	var unit eventstore.Unit
	if err := w.handle(ctx, tx, &unit, records); err != nil {
		return false, err
	}
	for i := range unit.Changes {
		if r := unit.Changes[i].Record; r != nil && r.Size() > eventstore.MaxRecordBytes {
			return false, nil
		}
	}
	return true, nil
}
