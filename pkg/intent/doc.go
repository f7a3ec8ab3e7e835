// Package intent runs external effects and deadlines that a unit of work asked
// for: charging a card, expiring an order. An intent is a durable row with a
// unique key; it is executed after the commit that made it, tried again with
// exponential backoff, and ended by a commit.
//
// # Guarantee
//
//   - An intent that was committed is executed until it is finished or parked,
//     by any of the replicas, whatever crashes in between: at least once. What
//     makes its effect happen once is the executor: it asks the other side what
//     is true before it acts again, and uses the intent's key as the idempotency
//     key.
//   - Execution is never inside a database transaction, and replaying records or
//     rebuilding states never makes an intent: only the decision that appends
//     the events does, in the same unit.
//   - A deadline waits until the inbox has handled all that was committed up to
//     its due time, so that an outage does not expire what was done in time.
//   - An intent that was given up is parked, visible, and can be revived.
//   - Within a lease no other replica executes it. A process that stops gives its
//     intents back; one that crashes keeps them until their leases end.
//
// # What it does not do
//
// It keeps no order between intents and does not promise when: at the due time
// or later. Leases use the clocks of the replicas; if they disagree an intent may
// run twice at the same time, which executors must bear anyway.
package intent
