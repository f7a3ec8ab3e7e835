// Package brokerlog ends the transactions that the embedded broker left open when
// its process was killed, in its log files, before the broker opens them.
//
// A real broker writes the missing markers from its transaction log. The embedded
// one (kfake) only remembers, until its next start, that a transaction which it
// finds open counts as aborted. Without a marker in the log
//
//   - a read-committed reader that comes past the transaction hides all that the
//     same producer wrote later, until one of its transactions is aborted: records
//     look lost;
//   - at the next start after another kill, the open batches count for the next
//     transaction of their producer, and are committed with it: records look
//     doubled;
//   - a transaction that was being committed is committed in some partitions and
//     aborted in others.
//
// # Guarantee
//
// After Finish no transaction is open, each has the same outcome in all of its
// partitions, and one whose commit was acknowledged is committed. Finish can itself
// be killed at any moment and called again.
//
// # What it does not do
//
// It does not mend what a start without it has already mixed up, and it relies on
// transactions V2, where no two transactions of a producer share an epoch, as our
// relays use them. It knows kfake's files of persist version 1: raw record batches
// in *.dat, 15 bytes for each batch in *.idx.
package brokerlog
