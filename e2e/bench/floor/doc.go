// Package floor measures the least that anything on the same servers costs at the
// same time: an acknowledged record in a replicated topic, and a committed row in
// a database. What a platform adds to that is its own.
//
// A record is written with acks=all by franz-go, to a topic with replication 3
// and min.insync.replicas 2: one after the other, each waited for, and as many at
// once as the client batches. A row is a bare INSERT that commits by itself: over
// one connection, and over several, which share the server's flushes.
//
// It does not tell what the servers could do while nobody else uses them.
package floor
