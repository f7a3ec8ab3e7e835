// Package participant wires one service that takes part in a choreography: its
// database, its outbox relay, its inbox, its intents, its API and what operators
// need. A service states what it owns, what it reads and how it reacts; the
// participant runs it.
//
// # Guarantee
//
//   - The API answers as long as the service's own database does: without a
//     broker, commands are accepted and wait in the outbox; without a schema
//     registry a service that reached it once starts and works with what it said.
//   - Wrong settings end the program with a code of their own (see package run)
//     and a message that says what was expected; what cannot be reached is tried
//     again until it can.
//   - Topics whose partition count or clean-up policy is not the declared one
//     stop the service before it reads or writes any.
//   - A database that was set back stops the service before it reads a record or
//     calls anybody: inbox and intents wait until the relay of this process, or of
//     the replica that leads, has compared the database with the topics. The API
//     does not wait; what it is told is published by nobody meanwhile.
//   - On shutdown readiness fails first, and the API goes on for DRAIN_DELAY; then
//     it drains, then what consumes leaves its group, then the relay gives up its
//     lease, so that another replica goes on at once, then the database closes.
//
// # What it does not do
//
// It creates no topics: `murmur topics apply` does. It knows nothing about
// orders.
package participant
