// Package kafka shows on Apache Kafka, in containers, what pkg/kafka promises and
// what it takes for granted: the answers of the brokers, what read-committed
// readers see beside franz-go and Kafka's own consumer, and that a relay and a
// consumer get through brokers that die, leaders that move and owners that do not
// know that they were replaced.
//
// Run it with the build tag e2e and a Docker Engine.
package kafka
