package outbox

import (
	"context"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// Log is what the relay needs of Kafka; [NewKafkaLog] makes one. A Log serves
// one relay, which makes one call at a time. All methods return when ctx ends,
// in which case, as after any error, the outcome may be either.
type Log interface {
	// TopicID returns Kafka's identity of a topic, as text.
	TopicID(ctx context.Context, topic string) (string, error)
	// Init fences whoever used the relay's transactional ids before, and returns
	// when what they left open is aborted and what they committed is visible.
	// The ids are initialised in the order in which transactions use them, and
	// the first transaction after Init uses the first. The relay calls it under
	// the lease only.
	Init(ctx context.Context) error
	// Last returns the last committed record with the key in partition 0 of the
	// topic, at or after offset from. After Init it sees everything that was
	// committed before the call, whatever a broker says that no longer leads; ok is
	// false when there is no such record.
	Last(ctx context.Context, topic, key string, from int64) (e Entry, ok bool, err error)
	// Begin starts a transaction. Calling it while the markers of the one before
	// are still being written is allowed.
	Begin(ctx context.Context) (Txn, error)
}

// Txn is one Kafka transaction.
type Txn interface {
	// Produce writes the records, each to the partition of its key and in the
	// order given, and the position record to partition 0. It returns the offset
	// of the position record, or any lower one if it does not know.
	Produce(ctx context.Context, records []eventstore.Record, position eventstore.Record) (offset int64, err error)
	// Commit returns nil when the transaction is committed, and ErrFenced when
	// somebody else initialised the ids. After any error the relay calls Init.
	Commit(ctx context.Context) error
	// Abort returns nil when the transaction will never be visible.
	Abort(ctx context.Context) error
}

// Entry is a record read from the log.
type Entry struct {
	Offset int64
	Value  []byte
}

// Position is the content of a position record: the batch that a transaction
// published.
type Position struct {
	Relay string
	// StoreEpoch is the identity of the database that the rows came from.
	StoreEpoch string
	// Batch counts the batches of the relay, from 1.
	Batch int64
	// Rows are all rows of the batch.
	Rows []eventstore.RowID
	// Digest identifies the contents of the rows, so that recovery deletes what
	// was published and nothing that took its name in a database set back.
	Digest string
	// At is when the batch was written, in microseconds since the Unix epoch.
	At int64
}
