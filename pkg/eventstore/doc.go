// Package eventstore is the port through which a service reads and writes its
// own database: events, the state they fold to, what was observed of other
// services, records waiting for publication, intents, inbox positions and the
// answers given to clients. One [Unit] of work is committed as a whole or not
// at all.
//
// # Guarantee
//
//   - A Unit is atomic and durable: when [Tx.Commit] returns nil, all of it
//     survives a crash of the process and of the machine; otherwise none of it
//     is visible, except for [ErrOutcomeUnknown], after which the caller loads
//     again and looks.
//   - Streams are locked when they are loaded, in one sorted order, so that two
//     units that observe the same stream run one after the other and never
//     deadlock. A stream that does not exist yet is locked all the same.
//   - Versions of a stream are 1, 2, 3 … without gaps.
//   - An outbox row is identified by its stream and version, never by a
//     sequence that a restored or emptied table could hand out again.
//   - Rows of one stream appear in the outbox in the order of their versions.
//
// # What it does not do
//
// It knows nothing of Kafka, Avro or any domain: states, observations and
// events are bytes to it. It never calls the network between Load and Commit,
// and neither may its callers: decide in memory, then commit.
//
// Drivers: package sqlite (embedded) and package postgres (production). Each
// passes the suite in package eventstoretest.
package eventstore
