package eventstore

// RowID identifies an outbox row for all time: the stream and the version whose
// state it publishes.
type RowID struct {
	Stream  StreamID
	Version int64
}

// OutboxRow is a record that waits for publication.
type OutboxRow struct {
	RowID
	// Seq orders the rows of one stream. It is a hint for scanning, not an
	// identity: it may be handed out again after a restore, and may become
	// visible later than a higher one.
	Seq    int64
	Record Record
}

// RelayState is how far a relay has come, as far as the database knows.
type RelayState struct {
	// StoreEpoch is a random identity of this database, made with it. A restored
	// backup keeps it; an operator gives a new one when going on from a restore.
	StoreEpoch string `json:"store_epoch"`
	// Batch is the number of the last batch whose rows were deleted; 0 before
	// the first.
	Batch int64 `json:"batch"`
	// PositionTopicID and PositionOffset say where the position record of that
	// batch is, so that recovery reads from there.
	PositionTopicID string `json:"position_topic_id"`
	PositionOffset  int64  `json:"position_offset"`
}

// LeaseState is a row of the lease table. A lease is taken over by
// compare-and-set on Counter, after it stood still for a time-to-live on the
// candidate's own monotonic clock: no clock is compared with another.
type LeaseState struct {
	Owner   string
	Counter int64
}
