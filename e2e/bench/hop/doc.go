// Package hop measures how long what one service commits takes to be committed by
// the next: out of the outbox, through the topic, into the inbox.
//
// The moments are not those that the services tell. Commits are timed by the
// database servers (track_commit_timestamp), at which point the flush to disk is
// still to come: a hop has one flush in it, that of the commit it begins with.
// When a record became visible is noted by a franz-go reader of committed records,
// on this machine; its own wait for the processor counts as the relay's. All
// clocks are one only if all servers run on one machine.
//
// What a service handles without an event of its own, such as the first of two
// answers that an order waits for, has no row to be timed and is left out.
package hop
