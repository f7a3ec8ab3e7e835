// Package postgres keeps an eventstore.Store in PostgreSQL 14 or newer: the
// production database of a service, shared by all of its processes.
//
// # Guarantee
//
//   - Everything that package eventstore promises. A commit is durable when the
//     server has flushed it: a session that finds synchronous_commit off turns
//     it on, and leaves stricter settings as they are.
//   - A unit takes two round trips whatever its size: Load begins, locks and
//     reads; Commit writes everything and commits.
//   - Streams are locked in bytewise order, those that do not exist yet through
//     a stub row, so that units neither deadlock nor miss one another. A stub
//     that the unit does not fill is gone when it ends.
//   - When the connection breaks after COMMIT may have been sent, the error is
//     ErrOutcomeUnknown; when it is any other, nothing was written. A commit
//     that has been sent is waited for even if the caller's context ends.
//   - A serialization failure, a deadlock, or a key that somebody else wrote
//     first is a ConflictError.
//
// # What it does not do
//
//   - It does not create databases, schemas or roles. [Migrate] needs a role
//     that owns the tables; the role of the service needs no more than SELECT,
//     INSERT, UPDATE and DELETE on tables and USAGE, SELECT on sequences, best
//     granted by ALTER DEFAULT PRIVILEGES. All names are resolved by the
//     search_path, which the URL can set: several services can share a database
//     in schemas of their own.
//   - It does not work through a pooler that lends a connection for one
//     transaction only: it listens, prepares statements and sets parameters.
//   - PostgreSQL keeps neither bytes that are no UTF-8 nor NUL in text. In what
//     is only information (metadata, reasons, header texts) they are replaced;
//     in names (streams, keys, topics) they are refused. Parked records are
//     kept as they are.
//
// # Schema changes
//
// Migrations expand first and contract later, so that the program before runs
// beside the new schema. A program accepts a newer schema unless the table meta
// names, as "<version table>.oldest", a version above its own: a migration that
// takes away what older programs use sets it. The version tables are
// store_schema, service_schema_1, ….
package postgres
