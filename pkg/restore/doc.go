// Package restore brings the database of a service and the topics that it writes
// together again, after one of them went back in time: a database that was
// restored from a backup or lost its last commits in a failover, or a topic that
// lost records or was made again.
//
// # Guarantee
//
//   - [Compare] changes nothing, and names every key of which the log tells more
//     than the database, or something else.
//   - After [Adopt] the database says of every such key what the last record in
//     the log says. The log wins, because others have acted on it. It was written
//     by this service: no other outcome is consistent with what they have seen.
//   - After [Republish] the latest state of every key whose last record the log lost
//     is in the outbox under a new version, so that every reader takes it.
//   - Both can be repeated after a crash at any moment. Until the relay has been
//     told (outbox.Relay.AdoptAfter) it refuses to start, so that nothing halfway is
//     published.
//
// # What it does not do
//
// Records carry states, not events: what led to an adopted state, and everything
// that was never public, stays lost. The history says so: versions that nobody
// can tell are Lost, and the state comes with an event Adopted. What was committed
// and never published is lost without a trace, as with every restore. It reads
// all owned topics, and keeps in memory the id and version of every stream, and
// the last record of every key that differs.
//
// Nothing else may work on the database meanwhile, and nobody may write to the
// log: run it under outbox.Relay.AdoptAfter.
package restore
