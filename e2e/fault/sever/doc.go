// Package sever is a proxy in front of PostgreSQL that breaks connections around
// COMMIT: just before the server gets it, or just before the client gets its
// answer. For the client the two look the same, and only the database knows.
//
// # Guarantee
//
// While it is not armed, and for statements other than COMMIT, nothing is changed
// or delayed. A connection that is broken is reset, in both directions.
//
// # What it does not do
//
// It does not speak TLS, and says so to clients that ask; it passes no cancel requests on: their connections are
// forwarded like others, whatever they hold.
package sever
