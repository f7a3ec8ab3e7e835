//go:build e2e

// Package kafkacluster runs Apache Kafka in containers: one broker, or three that
// replicate, each a combined KRaft node.
//
// Addresses stay what they are when a broker is killed, stopped or paused and
// comes back: host ports are chosen before the start. A second listener leads
// through an address that a test may put a proxy on, a third one takes TLS and
// SCRAM-SHA-512. Whoever comes in over the plain listeners is a superuser; the
// third one is subject to access control lists.
//
// It does not create topics, and keeps no data beyond Close.
package kafkacluster
