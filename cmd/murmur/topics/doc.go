// Package topics reads the platform's topics for people: decoded records, what
// changed from one to the next, and the story of one order over all services.
//
// # Guarantee
//
//   - It reads committed records only, and needs nothing but a broker. The schema
//     that a value was written with comes from a registry; where none can be
//     reached, the versions built into this program are tried, and each entry says
//     which it was.
//   - A record that cannot be decoded is an entry that says why, never an error.
//   - A cause stands before its effect, however the clocks of the services differ.
//
// # What it does not do
//
// It writes nothing, joins no consumer group and asks no service. It cannot show
// what compaction removed: a Story says where something is missing.
package topics
