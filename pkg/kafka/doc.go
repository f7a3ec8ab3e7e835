// Package kafka writes transactions to Kafka and reads what was committed, on
// the connections of segmentio/kafka-go.
//
// # Guarantee
//
// A [Producer] makes the records of a transaction visible to read-committed
// readers all at once, each exactly once and in order per partition, or never:
// under lost requests and answers, moved leaders and coordinators, and instances
// that go on after they were replaced. A transaction whose outcome could not be
// learnt is reported as such ([ErrUnknownOutcome]), never as success or failure.
// After a successful [Producer.Init] what is committed is final, so a caller that
// writes its position in the same transaction as its records can always find out
// where it stands.
//
// A [Fetcher] with [ReadCommitted] returns committed records only, and its
// positions move over what compaction, aborts and markers left behind.
// [RunGroup] divides partitions among the members of a consumer group, and
// leaves the offsets to the caller's database.
//
// # What it does not do
//
// It does not elect the one owner of a transactional id: Init takes over from
// whoever has it, so call it only while holding a lease. It does not batch over
// time, partition without a key, or create topics by accident. It does not make
// a write to Kafka atomic with one to a database; it gives what a relay or an
// inbox needs to do that.
//
// # How
//
// kafka-go's Writer knows no transactions and its Reader delivers aborted
// records, but its Transport lets a message write its own frames. So Produce,
// Fetch, EndTxn and the others go out in the versions that transactions need
// (Kafka 3.0 and later; transaction protocol V2 of KIP-890 where the cluster has
// finalized it), with kafka-go doing connections, TLS and SASL.
//
// A producer uses two transactional ids in turn: the next transaction does not
// wait until the markers of the one before are written, which otherwise costs 20
// ms and more on a real cluster. The order of a key holds all the same, because
// the next one begins after the commit of the one before was acknowledged.
package kafka
