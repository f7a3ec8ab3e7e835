// Package sim runs order, payment and inventory as they are, with their relays,
// inboxes, intents and APIs, on a simulated platform (package pkg/sim): many short
// schedules of a handful of orders, each from one seed, and one long schedule of a
// real day.
//
// # What is real and what is simulated
//
// Real are the services' app packages with all that they wire: domains,
// contracts with their Avro codecs, projections as data, HTTP handlers, and of
// pkg the relay, the inbox, the intents and the command queue. Simulated are the
// databases, Kafka with its groups and transactions, the schema registry (which
// never fails), the card gateway, the network between customers and services, and
// time.
//
// # What must hold
//
// Money, stock, agreement, and each record once: see Invariants. Everything must
// come to an end once faults stop.
package sim
