// Package model proves the choreography: it explores every interleaving of the
// order, payment and inventory services' real decisions, around one order or two
// that compete for one SKU, and checks what must hold.
//
// # What is real and what is modelled
//
// The domains' Decide, Evolve, React, Observed.With…, Pending, StockEffects,
// DecideStock, Settled and the codecs of their events are called as they are. All
// are pure, so each distinct call is made once and its outcome remembered. What
// surrounds them is modelled, after the services' app packages:
//
//   - A commit is one step: events, state, observation, intents, outbox row and
//     inbox position together. Between any two commits a service may crash, which
//     loses what is volatile: the gateway calls under way. For services without
//     such calls a crash is no step at all.
//   - A topic is the list of the full public records of each key. Compaction may
//     have removed any record but the latest before a reader comes to it: a
//     reader goes on to any record ahead of its position. Reading may wait for
//     as long as it likes, and begin anew at any time.
//   - The relay publishes what is committed, in the order of a key. Nobody can
//     tell a record that waits in the outbox from one that waits to be read, so
//     the outbox is left out, except where the relay itself is explored
//     (Config.Relay): with batches, position records, crashes between the two,
//     and databases set back.
//   - The gateway is a ledger of payments, with requests that are lost, answered
//     in vain, repeated, or arrive after later ones; see gateway.go.
//
// # Bounds
//
// Customers act whenever they like, deadlines fire whenever they like; faults
// are counted by Config.Faults. A fault that leaves nothing behind (a request
// that is lost on its way, say, and asked again) would not need a bound.
//
// # Reductions
//
// Each leaves out states that no property can tell from others that stay. The
// outbox, above: TestProve_TheOutboxIsInvisible compares. Two orders are equal in
// all but their names, so a state and the one with the orders exchanged are one
// (Config.Symmetry); the same holds for two executors. With Config.Gateway
// atomic, a call is asked, answered and recorded in one step, where two orders or
// relays are explored and not the gateway. Times stand still, but for what is due.
//
// # What it does not do
//
// It has no partitions, leases or batches of records: those are the platform's,
// whose guarantees are taken as they are documented. Intents are never given up,
// and nothing is archived.
//
// Assumed, since the services rely on it: a gateway remembers an idempotency key
// for longer than a request can be under way and an executor can wait for its
// answer (a day against half a minute).
package model
