// Package inbox is the second of the two atomic hops, Kafka to database: it
// reads the committed records of some topics and hands them, in batches, to a
// handler whose effects are committed together with the next offset.
//
// # Guarantee
//
//   - Each record takes effect once, under crashes, rebalances and zombies: one
//     database transaction holds the effects and moves the partition's position
//     from where the batch was read to where it ends, by compare-and-set. Of two
//     consumers that both believe to own a partition, one loses that comparison
//     and its effects roll back. Kafka's own offsets are written afterwards, for
//     lag tools only.
//   - Records of one key are handled in the order of the log.
//   - A record that will always fail parks its key: it is set aside with its
//     reason, other keys go on, and a later record of the key, or a tombstone,
//     supersedes it. That is safe because every record carries the full state.
//   - A failure that may pass (database, registry, network) is retried for as
//     long as it lasts and never parks anything.
//
// # What it does not do
//
// It does not tell whether a record is news: handlers compare versions with what
// they have observed. It does not start over when a position cannot be true (the
// topic was made again, or is shorter than the position): it stops and says so.
//
// Acknowledgement order, for a batch: read at position p → handle → commit
// (effects, p → q) → remember q → tell Kafka q.
package inbox
