package participant

import (
	"context"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/inbox"
)

// HandleEach is the body of an inbox.Handler whose records are each about the
// aggregate of their key: it locks all of a batch in one order and calls observe
// for one record after the other. An error of observe is that of its record.
func HandleEach[S, O, E any](
	ctx context.Context, tx eventstore.Tx, unit *eventstore.Unit, d *aggregate.Definition[S, O, E], records []inbox.Record,
	observe func(*aggregate.Session, *aggregate.Root[S, O, E], inbox.Record) error,
) error {
	session := aggregate.Join(tx, unit)
	ids := make([]string, len(records))
	for i, r := range records {
		ids[i] = string(r.Key)
	}
	roots, err := d.Load(ctx, session, ids...)
	if err != nil {
		return err
	}
	for i, r := range records {
		if err := observe(session, roots[i], r); err != nil {
			return &inbox.RecordError{Index: i, Err: err}
		}
	}
	return session.Flush()
}
