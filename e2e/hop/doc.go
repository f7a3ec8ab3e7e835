// Package hop shows on Apache Kafka and PostgreSQL, in containers, that each of the
// two hops between a database and a topic is one step, whatever happens between its
// parts: pkg/outbox and pkg/inbox are killed before and after each request that
// changes something, woken after others took over, and run twice beside each other.
//
// Nothing is left to chance: a request is held where the test wants it, so that each
// failure takes place in every run. A process here is a relay or an inbox of this
// program behind what can be cut off from it; once killed, nothing of it gets out.
//
// It starts no services. What happens to them as processes is shown by packages
// fault and journey.
//
// Run it with the build tag e2e and a Docker Engine.
package hop
