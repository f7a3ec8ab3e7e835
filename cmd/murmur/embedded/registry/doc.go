// Package registry is a schema registry inside the process, for development and
// demonstration: the part of Confluent's API that Avro clients use, over one
// small file.
//
// It guarantees that an id, once answered, means the same schema for ever, also
// after a crash or a restart: an answer is given only after the file is on the
// disk. A schema that the subject's compatibility level forbids is refused with
// the reason, as a production registry does. The same schema has the same id in
// every subject; spacing and the order of attributes do not make another one.
//
// It does not delete (a record in a topic may name any id), knows only Avro
// without references, has one mode (READWRITE) and no authentication, and must
// be the only user of its folder. In production use a registry that several
// machines keep.
//
// It is written by hand because the fakes made for tests accept any schema as
// compatible and give other ids after a restart, which would decode old records
// with the wrong schema; of such a fake only the routing would be left.
package registry
