// Package sqlite keeps an eventstore.Store in one SQLite file: the embedded
// database of a service, without a server to run.
//
// # Guarantee
//
//   - Everything that package eventstore promises. A commit is durable when the
//     file system's fsync returns (WAL, synchronous=FULL).
//   - Units of several callers share one fsync without knowing of each other:
//     a unit that fails leaves the others alone. Only when the shared commit
//     itself fails, as on a full disk, do all units in it fail; nothing of them
//     is left, and the store goes on once the cause is gone.
//   - What a unit of work or a reader is shown is durable.
//   - A caller that holds a unit open keeps other units from beginning, until
//     their contexts end, but does not delay the durability of those that are
//     committing by more than two milliseconds.
//   - One process has the file: a second one gets ErrInUse at once.
//
// # What it does not do
//
// It does not spread over machines, and units run one after the other: the
// streams that a unit loads are locked because all are.
package sqlite
