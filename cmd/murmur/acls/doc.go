// Package acls says what the users of a platform must be allowed at the brokers.
//
// It gives the least privilege: a service writes the topics that it owns, with its
// own transactional ids, reads what it reacts to, in its own group, and nothing
// else; only the user of `murmur topics apply` creates topics and changes their
// settings; people who look on only read. All of it follows from what the services
// declare, which the catalogue of topics has to agree with.
//
// It does not talk to brokers: it prints commands of Kafka's own tool, and cannot
// take away what was granted by other means.
package acls
