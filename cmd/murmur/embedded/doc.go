// Package embedded runs the whole platform in one process: a Kafka broker, a
// schema registry, a card gateway simulator and the three services, each with a
// database file of its own, all kept in one data folder.
//
// # Guarantee
//
//   - The services are the very programs that run on Apache Kafka and
//     PostgreSQL: only their settings differ. They meet each other, the broker,
//     the registry and the gateway over TCP, as everywhere else.
//   - What was acknowledged survives kill -9 at any moment.
//   - One process at a time owns a data folder.
//
// # What it does not do
//
// It is for development, tests and demonstrations. The broker is franz-go's
// kfake, which its author does not mean for production, and the gateway moves no
// money.
package embedded
