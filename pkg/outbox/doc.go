// Package outbox is the relay: the way out of a service's database into Kafka.
//
// # Guarantee
//
// Every row that a committed unit of work put into the outbox becomes exactly
// one committed record in Kafka, and the records of one stream stand in the
// order of their versions: under crashes and pauses of any relay at any step,
// lost answers of the database or of Kafka, and several relays that all believe
// to be the one that leads.
//
// # How
//
// There is no transaction over the database and Kafka. Instead, every Kafka
// transaction holds the records of a batch AND a position record that names the
// rows, and after it the rows are deleted. So at any moment Kafka alone knows
// what was published, and the database is behind by one batch at most.
//
// Standby (lease.go). One process at a time is meant to publish. The others
// watch the counter of a lease in the database and take it over when it stood
// still for one time-to-live on their own monotonic clock; no clock is compared
// with another. The lease keeps the relays out of each other's way. It is not
// what makes the log correct: a holder can be paused for any time between
// looking at its lease and acting.
//
// Recover (recover.go). A new leader initialises both of its transactional ids.
// From then on Kafka refuses everything that an earlier leader still sends, and
// whatever it had left open is aborted. Then it reads the last committed
// position record. That names either the batch that the database has deleted
// already (nothing to do), or the one after it (delete exactly the rows it
// names). Anything else cannot happen while both tell the truth: the database or
// the topic went back in time, and the relay stops with [StoreRewoundError],
// [LogRewoundError] or [TopicRecreatedError] rather than publish different facts
// under versions that others have seen. What reads records or calls others waits
// for it ([Relay.AfterRecovery]).
//
// Publish (publish.go). All rows that wait (scan.go), up to the bounds of a batch,
// and the position record go into one Kafka transaction. While it is being written
// the rows of the batch before are still being deleted (delete.go), but the
// transaction is committed only after that deletion is durable: so one position
// record is always enough to name every row that is published and not deleted. And
// the database must still be at the batch where this session left it (watch.go):
// one that was set back under a running relay may hold other facts under the same
// versions. While a batch is committed the next is read, if more rows wait.
// An error whose outcome is in doubt sends the relay back to Recover, which finds
// out. So does being fenced while holding the lease: it can be the late
// initialisation of an earlier leader.
//
// Why that suffices: rows are named by stream and version, which are never used
// again, so a deletion that is repeated or comes late removes nothing else; rows
// that become visible late, below sequences that were published already, are
// found by the next scan; and every transaction needs both the newest
// initialisation and a position that was read after it.
//
// # What it does not do
//
// It creates no topics and encodes no values: records are published as the unit
// of work stored them. It runs one leader per relay name; the lane of a key
// never changes. A record that Kafka refuses for good, such as one above the
// topic's max.message.bytes, holds up all rows behind it, loudly; the store's
// limit on records is there to prevent it.
package outbox
